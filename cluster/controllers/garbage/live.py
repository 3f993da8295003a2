"""What the garbage collector reads and writes: live objects, by name and uid, not from a cache."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from google.protobuf.message import Message

from cluster.client.interface import ApiClient, ApiError, ObjectKey, Propagation
from cluster.controllers.garbage.graph import Identity
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.plain import plain
from serialization.scheme import Resource, metadata_of

CONFLICTS_MAX: Final = 5
"""How often a change to an object's metadata is tried anew at once before it waits in line."""
ABSENT_MAX: Final = 2000
"""How many owners are remembered that a live read has shown to be gone. A uid never comes back, so
what is remembered stays true; 250 dependents of one owner then cost one read of it."""


class Gone:
    """Owners that are known to be gone: by a live read of the place that a reference names."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Identity, str], None] = OrderedDict()

    def add(self, where: Identity, uid: str) -> None:
        """Remember that an owner is gone."""
        self._known[where, uid] = None
        if len(self._known) > ABSENT_MAX:
            self._known.popitem(last=False)

    def __contains__(self, item: tuple[Identity, str]) -> bool:
        return item in self._known


class Live:
    """Reads and writes of objects by uid. All raise ApiError and TransportError."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.reads = 0
        self.deleted = 0
        self.patched = 0

    async def read(self, resource: Resource, key: ObjectKey, uid: str) -> ObjectMeta | None:
        """Return an object's metadata; None when it is gone, or another has its name."""
        self.reads += 1
        try:
            found = await self._client.get(resource, resource.message, key)
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        meta = metadata_of(found)
        return meta if meta.uid == uid else None

    async def delete(self, resource: Resource, meta: ObjectMeta, propagation: Propagation) -> None:
        """Delete an object in the very state that was read. 404 is success, 409 is raised."""
        try:
            await self._client.delete(
                resource,
                ObjectKey(meta.namespace, meta.name),
                uid=meta.uid,
                resource_version=meta.resourceVersion,
                propagation=propagation,
            )
        except ApiError as error:
            if error.code != 404:
                raise
        self.deleted += 1

    async def drop_finalizer(
        self, resource: Resource, key: ObjectKey, uid: str, finalizer: str
    ) -> None:
        """Take a finalizer off an object, if both are still there."""
        for attempt in range(CONFLICTS_MAX):
            meta = await self.read(resource, key, uid)
            if meta is None or finalizer not in meta.finalizers:
                return
            left = [name for name in meta.finalizers if name != finalizer]
            if await self._patched(resource, meta, {"finalizers": left or None}, attempt):
                return

    async def drop_owners(
        self, resource: Resource, key: ObjectKey, uid: str, owners: Collection[str]
    ) -> None:
        """Take references to these uids off an object, if it is still there."""
        for attempt in range(CONFLICTS_MAX):
            meta = await self.read(resource, key, uid)
            if meta is None:
                return
            left = [plain(each) for each in meta.ownerReferences if each.uid not in owners]
            if len(left) == len(meta.ownerReferences):
                return
            if await self._patched(resource, meta, {"ownerReferences": left or None}, attempt):
                return

    async def unblock(self, resource: Resource, meta: ObjectMeta) -> ObjectMeta:
        """Let no owner wait for this object; return its metadata as written. 409 is raised."""
        references: list[dict[str, object]] = [plain(each) for each in meta.ownerReferences]
        for each in references:
            each["blockOwnerDeletion"] = False
        return await self._patch(resource, meta, {"ownerReferences": references})

    async def _patched(
        self, resource: Resource, meta: ObjectMeta, change: dict[str, object], attempt: int
    ) -> bool:
        """Patch metadata; False when it must be read again. The last conflict is raised."""
        try:
            await self._patch(resource, meta, change)
        except ApiError as error:
            if error.code == 404:
                return True
            if error.code == 409 and attempt + 1 < CONFLICTS_MAX:
                return False
            raise
        return True

    async def _patch(
        self, resource: Resource, meta: ObjectMeta, change: dict[str, object]
    ) -> ObjectMeta:
        asked = {"uid": meta.uid, "resourceVersion": meta.resourceVersion, **change}
        body = json.dumps({"metadata": asked}).encode()
        key = ObjectKey(meta.namespace, meta.name)
        written: Message = await self._client.patch(resource, resource.message, key, body)
        self.patched += 1
        return metadata_of(written)
