"""What the verbs work with: store, cache, codecs, strategies, time and chance; one per server."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Final

from google.protobuf.message import Message

from cluster.apiserver.allocation.interface import (
    NOTHING_HELD,
    NOTHING_LEFT,
    Allocator,
    Hold,
    SharedAllocator,
)
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import StatusError, bad_request, unrecognized
from cluster.apiserver.kubelets import Dial, dial_http
from cluster.apiserver.metrics import RequestMetrics
from cluster.apiserver.negotiation import Negotiator
from cluster.apiserver.objects import Encoded, Stored, decode_stored, encode_stored
from cluster.apiserver.reads.reads import Reads
from cluster.apiserver.registry import Registry
from cluster.apiserver.resources.interface import Strategy
from serialization.codecs.interface import Codec, TypeMeta
from serialization.codecs.protobuf import CODEC as PROTOBUF
from serialization.errors import DecodeError
from serialization.scheme import Resource
from serialization.time_bounds import check_times
from serialization.wire import check_wire_types
from storage.attribution import OFF, Layers
from storage.clock import Clock
from storage.interface import Store
from storage.records import KeyValue
from storage.watchcache.cache import WatchCache


@dataclass(slots=True)
class Api:
    """One API server's parts; several may live in a process."""

    store: Store
    cache: WatchCache
    reads: Reads
    negotiator: Negotiator
    registry: Registry
    metrics: RequestMetrics
    clock: Clock
    random: Random
    allocators: Mapping[type[Message], Allocator] = field(default_factory=dict)
    """What is handed out to objects of some kinds when they are written."""
    shared: Mapping[type[Message], SharedAllocator] = field(default_factory=dict)
    """The same on a store that several servers share: asked instead."""
    dial: Dial = dial_http
    """The way to the kubelets."""
    layers: Layers = OFF
    """Where the CPU goes."""

    @property
    def storage_codec(self) -> Codec:
        """The codec of what stands in the store."""
        return self.cache.codec

    def cached(self, call: Call) -> Stored | None:
        """Return the newest applied state of the object that a call names, or None.

        It is ``doubtful`` on a store that others write to; while the cache has lost its store's
        thread, there is none.
        """
        cache = self.cache.of(call.strategy.resource)
        found = cache.get(call.route.namespace, call.route.name)
        if found is None or cache.lost:
            return None
        return Stored(cache.message(found), found.revision, self.cache.others_write)

    async def newest(self, call: Call) -> Stored | None:
        """Return the state that the store has, which the cache may not have yet.

        They differ only where others write to the same store.
        """
        entry = await self.store.get(call.key)
        return None if entry is None else self.stored(call.strategy.resource, entry)

    def stored(self, resource: Resource, entry: KeyValue) -> Stored:
        """Return the object of a store's entry."""
        return decode_stored(self.storage_codec, resource, entry)

    def hold(self, resource: Resource, message: Message) -> Hold:
        """Return what is to be entered from before a validated object is written until after.

        Entered, it fills in what the object is handed out. Raises StatusError.
        """
        allocator = self.allocators.get(resource.message)
        return NOTHING_HELD if allocator is None else allocator.hold(message)

    def leave(self, resource: Resource, message: Message) -> AbstractAsyncContextManager[None]:
        """Return what is to be entered from before an object is removed until after."""
        allocator = self.shared.get(resource.message) if self.shared else None
        return NOTHING_LEFT if allocator is None else allocator.leave(message)

    def encode(self, strategy: Strategy[Message], message: Message) -> Encoded:
        """Encode a message for the store, and tell the cache what is about to arrive."""
        encoded = encode_stored(self.storage_codec, strategy.type_meta, message)
        self.cache.of(strategy.resource).expect(encoded.value, encoded.bare, message)
        return encoded

    def decode(self, call: Call, codec: Codec, strategy: Strategy[Message], body: bytes) -> Message:
        """Decode a document of a kind. Raises StatusError, with the path at fault."""
        resource = strategy.resource
        try:
            kind, bare = codec.unwrap(body)
        except DecodeError as error:
            raise unrecognized(resource, str(error), body) from error
        if kind.kind and kind != strategy.type_meta:
            raise _wrong_kind(kind, resource)
        try:
            message = codec.decode_bare(
                resource.message, bare, unknown=call.unknown_fields, warnings=call.warnings
            )
            if codec is PROTOBUF:  # JSON's types, quantities and times have been judged already
                message = check_wire_types(message, bare)
                strategy.settle(message)
                check_times(message, bare)
        except DecodeError as error:
            raise bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a '
                f"{resource.kind}: {error}"
            ) from error
        return message

    async def body(self, call: Call, strategy: Strategy[Message] | None = None) -> Message:
        """Read and decode the body as the kind of the call, or another. Raises StatusError."""
        codec = self.negotiator.content(call.content_type)
        return self.decode(call, codec, strategy or call.strategy, await call.body())

    def written(
        self, call: Call, code: int, message: Message, encoded: Encoded, revision: int
    ) -> Answer:
        """Return the answer that holds an object just written at ``revision`` (0: dry run).

        The bytes come out of the cache, where watchers and lists find them again; only an object
        that has been written once more since, or that is not stored, is encoded for this answer.
        """
        resource = call.strategy.resource
        codec = self.negotiator.accept(call.accept).codec
        found = None
        if revision:
            cache = self.cache.of(resource)
            found = cache.get(call.route.namespace, call.route.name)
            if found is not None and found.revision == revision:
                return self.answer(call, code, cache.bare(found, codec), codec)
        bare = encoded.bare if codec is self.storage_codec else codec.encode_bare(message)
        if revision:
            bare = codec.with_resource_version(bare, str(revision))
        return self.answer(call, code, bare, codec)

    def answer(self, call: Call, code: int, bare: bytes, codec: Codec) -> Answer:
        """Return the answer that holds an object of the call's kind."""
        document = codec.wrap(call.strategy.type_meta, bare)
        return Answer(code, codec.media_type.encode(), document, warning_headers(call))


_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")

Verb = Callable[[Api, Call], Awaitable[Answer | None]]
"""Serves a call. None says that the verb has answered by itself (a watch)."""


def _wrong_kind(kind: TypeMeta, resource: Resource) -> StatusError:
    version = kind.api_version.rpartition("/")[2]
    return bad_request(
        f'{kind.kind} in version "{kind.api_version}" cannot be handled as a {resource.kind}: '
        f"converting ({version}.{kind.kind}) to (core.{resource.kind}): unknown conversion"
    )


def warning_headers(call: Call) -> tuple[tuple[bytes, bytes], ...]:
    """Return the Warning headers of a call."""
    if not call.warnings:
        return ()
    return tuple((b"warning", f'299 - "{_escape(text)}"'.encode()) for text in call.warnings)


def _escape(text: str) -> str:
    """Quote a text for a header, which must not end there: clients choose names of fields."""
    return _CONTROLS.sub("?", text).replace("\\", "\\\\").replace('"', '\\"')
