"""The namespace controller: empties a namespace that is being deleted, then lets it go.

Every namespaced resource that discovery tells is deleted, in the background; pods first, and what
stands around them (policies, their controllers) once they are gone, as kube-controller-manager
does. What is left is counted and told in the status; when nothing is, the finalizer ``kubernetes``
is taken off, and the API server removes the namespace. Until then it is looked at again, after as
long as what is left may take.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from google.protobuf.message import Message

from cluster.client.discovery import Discovered, discover
from cluster.client.interface import (
    ApiError,
    CachedObject,
    ObjectKey,
    Propagation,
    Selection,
)
from cluster.controllers.namespace_conditions import Left, set_conditions
from cluster.controllers.runner import Surroundings, Synced
from serialization.api.core.v1_pb2 import Namespace, Pod
from serialization.kinds import NAMESPACES, PODS
from serialization.scheme import Resource, metadata_of

FINALIZER: Final = "kubernetes"
SETTLING_S: Final = 5.0
"""How long a deleted namespace is left alone: creates that were admitted before then are through,
on every API server. The same as kube-controller-manager's."""
FINALIZERS_S: Final = 15.0
"""How long objects with finalizers are expected to take."""
DISCOVERY_AGAIN_S: Final = 5.0
NEEDED: Final = frozenset(("delete", "list"))


class NamespaceController:
    """Ends namespaces."""

    name: Final = "namespace"

    def __init__(self, around: Surroundings) -> None:
        self._client = around.client
        self._queue = around.queue
        self._clock = around.clock
        self._namespaces = around.informers.informer(NAMESPACES, Namespace)
        self._namespaces.subscribe(_Sink(self))

    @property
    def informers(self) -> Sequence[Synced]:
        return (self._namespaces,)

    def changed(self, namespace: CachedObject[Namespace]) -> None:
        """A namespace appeared or changed."""
        if namespace.deleting:
            self._queue.add_after(namespace.key, SETTLING_S)

    async def sync(self, key: ObjectKey) -> None:
        cached = self._namespaces.lister.get(key)
        if cached is None or not cached.deleting:
            return
        try:
            namespace = await self._client.get(NAMESPACES, Namespace, key)
        except ApiError as error:
            if error.code == 404:
                return
            raise
        if namespace.metadata.uid != cached.uid or FINALIZER not in namespace.spec.finalizers:
            return
        try:
            found = await discover(self._client)
        except msgspec.DecodeError:
            found = Discovered((), ("v1",))
        left = await self._empty(key.name, found)
        namespace = await self._tell(namespace, left)
        if left.nothing:
            await self._finalize(namespace)
        elif not left.failures:
            self._queue.add_after(key, left.wait_s or DISCOVERY_AGAIN_S)
        else:
            raise next(iter(left.failures.values()))

    async def _empty(self, namespace: str, found: Discovered) -> Left:
        """Delete the content, pods first; return what is left of it."""
        left = Left(undiscovered=found.failed)
        content = {each.resource: each.verbs for each in found.resources if _is_content(*each)}
        if PODS in content:
            await self._empty_of(PODS, namespace, content[PODS], left)
            if left.objects or left.failures:
                return left
        for resource, verbs in content.items():
            if resource is not PODS:
                await self._empty_of(resource, namespace, verbs, left)
        return left

    async def _empty_of(
        self, resource: Resource, namespace: str, verbs: frozenset[str], left: Left
    ) -> None:
        selection = Selection(namespace)
        try:
            objects = await self._list(resource, selection)
            if not objects:
                return
            if "deletecollection" in verbs:
                await self._client.delete_collection(
                    resource, selection, propagation=Propagation.BACKGROUND
                )
            else:
                await self._delete_each(resource, objects)
            objects = await self._list(resource, selection)
        except ApiError as error:
            left.failures[resource.group_resource] = error
            return
        if objects:
            _count(resource, objects, left)

    async def _list(self, resource: Resource, selection: Selection) -> list[Message]:
        listed = await self._client.list_raw(resource, selection)
        return [self._client.decode(resource.message, bare) for bare in listed.items]

    async def _delete_each(self, resource: Resource, objects: Iterable[Message]) -> None:
        for obj in objects:
            meta = metadata_of(obj)
            key = ObjectKey(meta.namespace, meta.name)
            try:
                await self._client.delete(
                    resource, key, uid=meta.uid, propagation=Propagation.BACKGROUND
                )
            except ApiError as error:
                if error.code not in {404, 409}:
                    raise

    async def _tell(self, namespace: Namespace, left: Left) -> Namespace:
        if not set_conditions(namespace, left, int(self._clock.now().timestamp())):
            return namespace
        return await self._client.update_status(NAMESPACES, namespace)

    async def _finalize(self, namespace: Namespace) -> None:
        kept = [name for name in namespace.spec.finalizers if name != FINALIZER]
        del namespace.spec.finalizers[:]
        namespace.spec.finalizers.extend(kept)
        await self._client.update_subresource(NAMESPACES, namespace, "finalize")


class _Sink:
    def __init__(self, loop: NamespaceController) -> None:
        self._loop = loop

    def added(self, new: CachedObject[Namespace]) -> None:
        self._loop.changed(new)

    def updated(self, old: CachedObject[Namespace], new: CachedObject[Namespace]) -> None:
        if not old.deleting or old.uid != new.uid:  # its own writes to the status start nothing
            self._loop.changed(new)

    def deleted(self, last: CachedObject[Namespace]) -> None:
        pass


def _is_content(resource: Resource, verbs: frozenset[str]) -> bool:
    return resource.namespaced and verbs >= NEEDED


def _count(resource: Resource, objects: Iterable[Message], left: Left) -> None:
    """Add what is left of a resource, and how long it may take."""
    name = f"{resource.plural}.{resource.group}"
    for obj in objects:
        left.objects[name] = left.objects.get(name, 0) + 1
        wait_s = 1.0
        if isinstance(obj, Pod):
            wait_s = obj.metadata.deletionGracePeriodSeconds / 2 + 1
        for finalizer in metadata_of(obj).finalizers:
            left.finalizers[finalizer] = left.finalizers.get(finalizer, 0) + 1
            wait_s = max(wait_s, FINALIZERS_S / 2 + 1)
        left.wait_s = max(left.wait_s, wait_s)
