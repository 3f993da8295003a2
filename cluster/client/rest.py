"""The typed client: verbs of the Kubernetes API over an exchange, in one codec.

Hot path: heartbeats and status writes of thousands of nodes pass through ``_call``; it makes one
record and no task, and the request's head is a constant of the client but for its first line.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode

from google.protobuf.message import Message

from cluster.client.exchange import BodyStream, Exchange, Piece, Request, Response
from cluster.client.failures import failure_of
from cluster.client.interface import (
    EVERYTHING,
    ApiError,
    ObjectKey,
    PatchType,
    Propagation,
    RawEvent,
    RawList,
    Selection,
    TransportError,
)
from cluster.client.traffic import Call, Observer, Traffic, TrafficMeter
from cluster.client.transport import HttpTransport, TransportOptions
from serialization.api.core.v1_pb2 import Binding
from serialization.api.meta.v1_pb2 import DeleteOptions, Preconditions, Status
from serialization.codecs.interface import Codec, FrameReader, TypeMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import BINDINGS, PODS
from serialization.scheme import Resource, metadata_of
from storage.clock import Clock

M = TypeVar("M", bound=Message)

DELETE_OPTIONS: Final = TypeMeta("v1", "DeleteOptions")
PLAIN_NAME: Final = re.compile(r"[a-zA-Z0-9._~:-]*")
THROTTLED_TRIES: Final = 11
"""How often a request is sent that is answered 429 with a Retry-After: ten times again, as
client-go does. The server has done nothing, so it is safe for every verb."""
WATCH_GRACE_S: Final = 15.0
"""How long after its own timeout a watch may stay open before it counts as torn."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How to speak to which server; one per process and role."""

    base_url: str
    codec: str = "protobuf"
    """A name in ``CODECS``: the media type of both directions, and its library."""
    user_agent: str = "kubedyno"
    timeout_s: float = 30.0
    """Of one request: from the call to the last byte, waiting for a connection included."""
    list_timeout_s: float = 120.0
    """Of one page of a list."""
    page_limit: int = 0
    """How many objects a LIST asks for at a time; 0: all."""
    max_connections: int = 64
    bearer_token: str = field(default="", repr=False)
    ssl_context: ssl.SSLContext | None = None
    observer: Observer | None = None


class RestClient:
    """An ``ApiClient`` over HTTP. Inside ``async with``; belongs to one event loop."""

    def __init__(
        self, options: ClientOptions, clock: Clock, exchange: Exchange | None = None
    ) -> None:
        self._options = options
        self._clock = clock
        self._codec: Codec = CODECS[options.codec]
        self._exchange: Exchange = exchange or HttpTransport(
            TransportOptions(
                options.base_url,
                max_connections=options.max_connections,
                ssl_context=options.ssl_context,
            ),
            clock,
        )
        lines = [f"user-agent: {options.user_agent}"]
        if options.bearer_token:
            lines.append(f"authorization: Bearer {options.bearer_token}")
        self._document_headers = _lines("accept: application/json", *lines)
        self._headers = _lines(f"accept: {self._codec.media_type}", *lines)
        self._body_headers = self._headers + f"content-type: {self._codec.media_type}\r\n".encode()
        self._patch_headers = {
            kind: self._headers + f"content-type: {kind}\r\n".encode() for kind in PatchType
        }
        self.meter = TrafficMeter(options.observer)
        """Requests and bytes so far."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop every connection; what is under way ends with TransportError. Idempotent."""
        self._exchange.close()

    # ApiClient

    async def get(self, resource: Resource, message: type[M], key: ObjectKey) -> M:
        target = _target(resource, key)
        return self._read(message, await self._call(Call("GET", resource), "GET", target))

    async def create(self, resource: Resource, namespace: str, obj: M) -> M:
        target = resource.path(quote(namespace))
        return await self._write(Call("POST", resource), "POST", target, obj)

    async def update(self, resource: Resource, obj: M) -> M:
        target = _target(resource, _key(obj))
        return await self._write(Call("PUT", resource), "PUT", target, obj)

    async def update_status(self, resource: Resource, obj: M) -> M:
        return await self.update_subresource(resource, obj, "status")

    async def update_subresource(self, resource: Resource, obj: M, subresource: str) -> M:
        target = _target(resource, _key(obj), subresource)
        return await self._write(Call("PUT", resource, subresource), "PUT", target, obj)

    async def patch(
        self,
        resource: Resource,
        message: type[M],
        key: ObjectKey,
        body: bytes,
        *,
        kind: PatchType = PatchType.MERGE,
        subresource: str = "",
    ) -> M:
        call = Call("PATCH", resource, subresource)
        target = _target(resource, key, subresource)
        headers = self._patch_headers[kind]
        return self._read(message, await self._call(call, "PATCH", target, body, headers=headers))

    async def delete(
        self,
        resource: Resource,
        key: ObjectKey,
        *,
        grace_period_s: int | None = None,
        uid: str = "",
        resource_version: str = "",
        propagation: Propagation = Propagation.DEFAULT,
    ) -> None:
        options = DeleteOptions()
        if grace_period_s is not None:
            options.gracePeriodSeconds = grace_period_s
        if uid or resource_version:
            options.preconditions.CopyFrom(_preconditions(uid, resource_version))
        if propagation:
            options.propagationPolicy = propagation
        call, target = Call("DELETE", resource), _target(resource, key)
        await self._call(call, "DELETE", target, self._options_body(options))

    async def delete_collection(
        self,
        resource: Resource,
        selection: Selection,
        *,
        grace_period_s: int | None = None,
        propagation: Propagation = Propagation.DEFAULT,
    ) -> None:
        options = DeleteOptions()
        if grace_period_s is not None:
            options.gracePeriodSeconds = grace_period_s
        if propagation:
            options.propagationPolicy = propagation
        scope = "namespace" if selection.namespace else "cluster"
        call = Call("DELETECOLLECTION", resource, scope=scope)
        target = _collection(resource, selection, _query(selection))
        body = self._options_body(options)
        await self._call(call, "DELETE", target, body, timeout_s=self._options.list_timeout_s)

    async def bind(self, namespace: str, binding: Binding) -> None:
        key = ObjectKey(namespace, binding.metadata.name)
        body = self._codec.encode(TypeMeta(BINDINGS.api_version, BINDINGS.kind), binding)
        await self._call(Call("POST", PODS, "binding"), "POST", _target(PODS, key, "binding"), body)

    async def list_raw(
        self, resource: Resource, selection: Selection = EVERYTHING, *, resource_version: str = ""
    ) -> RawList:
        call = Call("LIST", resource, scope="namespace" if selection.namespace else "cluster")
        query = _query(selection)
        if self._options.page_limit:
            query["limit"] = str(self._options.page_limit)
        items: list[bytes] = []
        page = dict(query)
        if resource_version:
            page["resourceVersion"] = resource_version
        while True:
            target = _collection(resource, selection, page)
            document = await self._call(call, "GET", target, timeout_s=self._options.list_timeout_s)
            head, cut = self._codec.split_list(document)
            # The first page is kept as it is: a list of one page is not copied.
            items = items + cut if items else cut
            if not head.continue_:
                return RawList(items, head.resource_version)
            page = {**query, "continue": head.continue_}

    async def watch_raw(
        self,
        resource: Resource,
        selection: Selection = EVERYTHING,
        *,
        resource_version: str = "",
        timeout_s: int = 0,
        initial_events: bool = False,
    ) -> AsyncGenerator[list[RawEvent], None]:
        query = {**_query(selection), "watch": "true", "allowWatchBookmarks": "true"}
        if initial_events:
            query.update(sendInitialEvents="true", resourceVersionMatch="NotOlderThan")
        if resource_version:
            query["resourceVersion"] = resource_version
        if timeout_s:
            query["timeoutSeconds"] = str(timeout_s)
        call = Call("WATCH", resource, scope="namespace" if selection.namespace else "cluster")
        start_ns = self._clock.stamp_ns()
        target = _collection(resource, selection, query)
        lifetime_s = timeout_s + WATCH_GRACE_S if timeout_s else 0.0
        stream = await self._open_stream(call, target, start_ns, lifetime_s)
        total, own = self.meter.of(call), Traffic(1)
        own.sent_bytes = stream.response.sent_bytes
        total.sent_bytes += own.sent_bytes
        own.received_bytes = stream.response.received_bytes
        total.received_bytes += own.received_bytes
        try:
            if stream.response.code != 200:
                raise failure_of(stream.response)
            reader = self._codec.frame_reader()
            while pieces := await stream.read():
                wire_bytes = sum(piece.wire_bytes for piece in pieces)
                own.received_bytes += wire_bytes
                total.received_bytes += wire_bytes
                events, error = self._events(reader, pieces)
                if events:
                    yield events
                if error is not None:
                    raise error
        finally:
            stream.close()
            stamps = (start_ns, self._clock.stamp_ns())
            sizes = (own.sent_bytes, own.received_bytes)
            self.meter.done(call, stream.response.code, stamps, sizes)

    async def document(self, path: str) -> bytes:
        # Neither metered nor in the client's codec: a few requests in a component's life.
        request = Request("GET", path, self._document_headers)
        response = await self._exchange.request(request, timeout_s=self._options.timeout_s)
        if response.code >= 300:
            raise failure_of(response)
        return response.body

    def decode(self, message: type[M], bare: bytes) -> M:
        return self._codec.decode_bare(message, bare)

    # how requests are made

    async def _open_stream(
        self, call: Call, target: str, start_ns: int, lifetime_s: float
    ) -> BodyStream:
        self.meter.of(call).requests += 1
        try:
            return await self._exchange.open_stream(
                Request("GET", target, self._headers),
                timeout_s=self._options.timeout_s,
                lifetime_s=lifetime_s,
            )
        except TransportError:
            self.meter.done(call, 0, (start_ns, self._clock.stamp_ns()), (0, 0))
            raise

    def _events(
        self, reader: FrameReader, pieces: list[Piece]
    ) -> tuple[list[RawEvent], ApiError | None]:
        """Return the events that are whole now, and the error that comes after them, if any."""
        events: list[RawEvent] = []
        codec = self._codec
        for piece in pieces:
            for event_type, document in reader.feed(piece.data):
                bare = codec.unwrap(document)[1]
                if event_type == "ERROR":
                    return events, ApiError(codec.decode_bare(Status, bare))
                events.append(RawEvent(event_type, bare, piece.received_ns))
        return events, None

    def _options_body(self, options: DeleteOptions) -> bytes:
        return self._codec.encode(DELETE_OPTIONS, options) if options.ListFields() else b""

    async def _write(self, call: Call, method: str, target: str, obj: M) -> M:
        resource = call.resource
        body = self._codec.encode(TypeMeta(resource.api_version, resource.kind), obj)
        return self._read(type(obj), await self._call(call, method, target, body))

    def _read(self, message: type[M], document: bytes) -> M:
        return self._codec.decode_bare(message, self._codec.unwrap(document)[1])

    async def _call(
        self,
        call: Call,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        timeout_s: float = 0.0,
        headers: bytes = b"",
    ) -> bytes:
        """Return the body of a success. Raises ApiError, TransportError."""
        if not headers:
            headers = self._body_headers if body else self._headers
        request = Request(method, target, headers, body)
        deadline_s = timeout_s or self._options.timeout_s
        response = await self._once(call, request, deadline_s)
        tries = 1
        while response.code == 429 and response.retry_after_s and tries < THROTTLED_TRIES:
            await asyncio.sleep(response.retry_after_s)
            response = await self._once(call, request, deadline_s)
            tries += 1
        if response.code >= 300:
            raise failure_of(response)
        return response.body

    async def _once(self, call: Call, request: Request, timeout_s: float) -> Response:
        """Send a request and count it."""
        start_ns = self._clock.stamp_ns()
        traffic = self.meter.of(call)
        traffic.requests += 1
        try:
            response = await self._exchange.request(request, timeout_s=timeout_s)
        except TransportError:
            self.meter.done(call, 0, (start_ns, self._clock.stamp_ns()), (0, 0))
            raise
        sizes = (response.sent_bytes, response.received_bytes)
        traffic.sent_bytes += sizes[0]
        traffic.received_bytes += sizes[1]
        self.meter.done(call, response.code, (start_ns, response.received_ns), sizes)
        return response


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


def _preconditions(uid: str, resource_version: str) -> Preconditions:
    wanted = Preconditions()
    if uid:
        wanted.uid = uid
    if resource_version:
        wanted.resourceVersion = resource_version
    return wanted


def _key(obj: Message) -> ObjectKey:
    meta = metadata_of(obj)
    return ObjectKey(meta.namespace, meta.name)


def _target(resource: Resource, key: ObjectKey, subresource: str = "") -> str:
    # Nearly every name is plain, and to find that out is ten times cheaper than to quote it.
    name = key.name if PLAIN_NAME.fullmatch(key.name) else quote(key.name, safe="")
    return resource.path(key.namespace, name, subresource)


def _query(selection: Selection) -> dict[str, str]:
    query = {}
    if selection.labels:
        query["labelSelector"] = selection.labels
    if selection.fields:
        query["fieldSelector"] = selection.fields
    return query


def _collection(resource: Resource, selection: Selection, query: dict[str, str]) -> str:
    path = resource.path(quote(selection.namespace))
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path
