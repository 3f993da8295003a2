"""An ``ApiClient`` that writes every request and its answer into the process's history.

It stands around the client that does the work, so a process that keeps no history pays nothing.
What followers of a resource see is written where it is read anyway: ``history_follower``.

An answer that was not read, whatever the reason (no answer, a cancelled call, bytes that cannot be
decoded), is an unknown outcome: code 0.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final, TypeVar

from google.protobuf.message import Message

from cluster.client.history import HistoryWriter
from cluster.client.history_format import Flag, Kind, Verb
from cluster.client.interface import (
    EVERYTHING,
    ApiClient,
    ApiError,
    ObjectKey,
    PatchType,
    Propagation,
    RawEvent,
    RawList,
    Selection,
)
from serialization.api.core.v1_pb2 import Binding, Pod
from serialization.kinds import EVENTS, PODS
from serialization.scheme import Resource, metadata_of

M = TypeVar("M", bound=Message)

CREATE: Final = Verb.CREATE
RUNNING: Final = Flag.RUNNING.value
BOUND: Final = Flag.BOUND.value
UNKNOWN: Final = 0
MADE: Final = 201
DONE: Final = 200


class RecordingClient:
    """Passes every call on to a client, and writes down what came of it."""

    def __init__(self, client: ApiClient, history: HistoryWriter, name: str) -> None:
        self._client = client
        self._history = history
        self._source = history.source(client=name)
        self._stamp = history.clock.stamp_ns

    async def get(self, resource: Resource, message: type[M], key: ObjectKey) -> M:
        begin_ns = self._stamp()
        try:
            found = await self._client.get(resource, message, key)
        except BaseException as error:
            self._refused(Kind.READ, Verb.GET, (resource, key, 0), begin_ns, error)
            raise
        self._answered(Kind.READ, Verb.GET, (resource, found, 0), begin_ns)
        return found

    async def create(self, resource: Resource, namespace: str, obj: M) -> M:
        begin_ns = self._stamp()
        try:
            made = await self._client.create(resource, namespace, obj)
        except BaseException as error:
            key = ObjectKey(namespace, metadata_of(obj).name)
            self._refused(Kind.WRITE, Verb.CREATE, (resource, key, 0), begin_ns, error)
            raise
        self._answered(Kind.WRITE, Verb.CREATE, (resource, made, 0), begin_ns)
        return made

    async def update(self, resource: Resource, obj: M) -> M:
        begin_ns = self._stamp()
        asked = int(metadata_of(obj).resourceVersion or 0)
        try:
            stored = await self._client.update(resource, obj)
        except BaseException as error:
            self._refused(Kind.WRITE, Verb.UPDATE, _of(resource, obj, asked), begin_ns, error)
            raise
        self._answered(Kind.WRITE, Verb.UPDATE, (resource, stored, asked), begin_ns)
        return stored

    async def update_status(self, resource: Resource, obj: M) -> M:
        begin_ns = self._stamp()
        asked = int(metadata_of(obj).resourceVersion or 0)
        try:
            stored = await self._client.update_status(resource, obj)
        except BaseException as error:
            about = _of(resource, obj, asked)
            self._refused(Kind.WRITE, Verb.UPDATE_STATUS, about, begin_ns, error)
            raise
        self._answered(Kind.WRITE, Verb.UPDATE_STATUS, (resource, stored, asked), begin_ns)
        return stored

    async def update_subresource(self, resource: Resource, obj: M, subresource: str) -> M:
        begin_ns = self._stamp()
        asked = int(metadata_of(obj).resourceVersion or 0)
        try:
            stored = await self._client.update_subresource(resource, obj, subresource)
        except BaseException as error:
            about = _of(resource, obj, asked)
            self._refused(Kind.WRITE, Verb.UPDATE_OTHER, about, begin_ns, error)
            raise
        self._answered(Kind.WRITE, Verb.UPDATE_OTHER, (resource, stored, asked), begin_ns)
        return stored

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
        begin_ns = self._stamp()
        verb = Verb.PATCH
        if subresource:
            verb = Verb.PATCH_STATUS if subresource == "status" else Verb.PATCH_OTHER
        try:
            stored = await self._client.patch(
                resource, message, key, body, kind=kind, subresource=subresource
            )
        except BaseException as error:
            self._refused(Kind.WRITE, verb, (resource, key, 0), begin_ns, error)
            raise
        self._answered(Kind.WRITE, verb, (resource, stored, 0), begin_ns)
        return stored

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
        begin_ns = self._stamp()
        asked = int(resource_version or 0)
        code = UNKNOWN
        try:
            await self._client.delete(
                resource,
                key,
                grace_period_s=grace_period_s,
                uid=uid,
                resource_version=resource_version,
                propagation=propagation,
            )
            code = DONE
        except ApiError as error:
            code = error.code
            raise
        finally:
            self._put(Kind.WRITE, Verb.DELETE, code, (resource, key, asked), begin_ns)

    async def delete_collection(
        self,
        resource: Resource,
        selection: Selection,
        *,
        grace_period_s: int | None = None,
        propagation: Propagation = Propagation.DEFAULT,
    ) -> None:
        begin_ns = self._stamp()
        code = UNKNOWN
        try:
            await self._client.delete_collection(
                resource, selection, grace_period_s=grace_period_s, propagation=propagation
            )
            code = DONE
        except ApiError as error:
            code = error.code
            raise
        finally:
            about = (resource, ObjectKey(selection.namespace, ""), 0)
            self._put(Kind.WRITE, Verb.DELETE_COLLECTION, code, about, begin_ns)

    async def bind(self, namespace: str, binding: Binding) -> None:
        begin_ns = self._stamp()
        code = UNKNOWN
        try:
            await self._client.bind(namespace, binding)
            code = MADE
        except ApiError as error:
            code = error.code
            raise
        finally:
            history = self._history
            key = history.key(PODS, namespace, binding.metadata.name)
            node = history.name(binding.target.name)
            at = (0, begin_ns, self._stamp())
            ours = (self._source, key, node, 0, 0)
            history.put((Kind.WRITE, Verb.BIND, code, Flag.BOUND, 0, *ours, *at))

    async def list_raw(
        self, resource: Resource, selection: Selection = EVERYTHING, *, resource_version: str = ""
    ) -> RawList:
        begin_ns = self._stamp()
        listing = await self._client.list_raw(
            resource, selection, resource_version=resource_version
        )
        asked = int(resource_version or 0)
        flags = Flag.ANY if resource_version == "0" else Flag.NONE
        key = self._history.key(resource, selection.namespace, "")
        found = (len(listing.items), asked, int(listing.resource_version or 0))
        at = (begin_ns, self._stamp())
        ours = (self._source, key, 0)
        self._history.put((Kind.LIST, Verb.LIST, DONE, flags, 0, *ours, *found, *at))
        return listing

    def watch_raw(
        self,
        resource: Resource,
        selection: Selection = EVERYTHING,
        *,
        resource_version: str = "",
        timeout_s: int = 0,
        initial_events: bool = False,
    ) -> AsyncGenerator[list[RawEvent], None]:
        return self._client.watch_raw(
            resource,
            selection,
            resource_version=resource_version,
            timeout_s=timeout_s,
            initial_events=initial_events,
        )

    async def document(self, path: str) -> bytes:
        return await self._client.document(path)

    def decode(self, message: type[M], bare: bytes) -> M:
        return self._client.decode(message, bare)

    def _answered(
        self, kind: Kind, verb: Verb, about: tuple[Resource, Message, int], begin_ns: int
    ) -> None:
        """Write down an answer that carries the object. Hot: nearly all requests come here."""
        end_ns = self._stamp()
        resource, obj, asked = about
        meta = metadata_of(obj)
        history, node = self._history, 0
        namespace, name = meta.namespace, meta.name
        if resource is EVENTS:
            key = history.once(resource, namespace, name)
        else:
            key = history.key(resource, namespace, name)
        flags = 0
        if isinstance(obj, Pod):
            if node_name := obj.spec.nodeName:
                node = history.name(node_name)
                flags |= BOUND
            if obj.status.phase == "Running":
                flags |= RUNNING
        code = MADE if verb is CREATE else DONE
        revision = int(meta.resourceVersion or 0)
        ours = (self._source, key, node, 0, asked)
        history.put((kind, verb, code, flags, 0, *ours, revision, begin_ns, end_ns))

    def _refused(
        self,
        kind: Kind,
        verb: Verb,
        about: tuple[Resource, ObjectKey, int],
        begin_ns: int,
        error: BaseException,
    ) -> None:
        code = error.code if isinstance(error, ApiError) else UNKNOWN
        self._put(kind, verb, code, about, begin_ns)

    def _put(
        self,
        kind: Kind,
        verb: Verb,
        code: int,
        about: tuple[Resource, ObjectKey, int],
        begin_ns: int,
    ) -> None:
        """Write down an answer without an object."""
        resource, (namespace, name), asked = about
        history = self._history
        key = history.key(resource, namespace, name)
        at = (begin_ns, self._stamp())
        history.put((kind, verb, code, 0, 0, self._source, key, 0, 0, asked, 0, *at))


def _of(resource: Resource, obj: Message, asked: int) -> tuple[Resource, ObjectKey, int]:
    meta = metadata_of(obj)
    return resource, ObjectKey(meta.namespace, meta.name), asked
