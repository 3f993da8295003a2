"""The garbage collector: deletes what no living owner wants any more.

The graph says what to look at; what is done follows from live reads alone, of the object and of
each of its owners, by the place that its reference names and by uid. For an object with owners:

===========================================  =====================================================
some owner lives                             references to owners that are gone, or that wait for
                                             their dependents, are taken off it
none lives, some owner waits (foreground)    it is deleted; in the foreground if it has dependents
                                             of its own
all are gone                                 it is deleted, by its own finalizers' policy
===========================================  =====================================================

An owner that waits has its finalizer taken off once no dependent with ``blockOwnerDeletion`` is
left; one that orphans is first taken off its dependents. Deletions carry uid and resourceVersion:
what has changed since it was read is read again. Source: Kubernetes' garbage collection proposals.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from cluster.client.indexer import references_of
from cluster.client.interface import ApiError, ObjectKey, OwnerRef, Propagation, TransportError
from cluster.controllers.garbage.graph import Graph, Identity, Node, resource_of, waits_for_itself
from cluster.controllers.garbage.live import Gone, Live
from cluster.controllers.garbage.watching import FOREGROUND, ORPHAN, Watching
from cluster.controllers.runner import Surroundings, Synced
from serialization.api.core.v1_pb2 import ObjectReference
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.scheme import Resource

logger = logging.getLogger(__name__)

LOOK: Final = "look"
LET_GO: Final = "let-go"
DISCOVER: Final = ObjectKey("discover", "")
"""Keys of the queue: what to do and the uid to do it with; and the look for new resources."""

DISCOVERY_S: Final = 30.0
NOT_SEEN_YET_S: Final = 1.0
AT_ONCE: Final = 16
"""How many dependents of one owner are let go at once."""


class Verdict(NamedTuple):
    """What became of an object's owners."""

    living: list[OwnerRef]
    waiting: list[OwnerRef]
    gone: list[OwnerRef]


class GarbageCollector:
    """Looks at what the graph names. Its queue's keys are uids, in ``ObjectKey``'s name."""

    name: Final = "garbagecollector"

    def __init__(self, around: Surroundings) -> None:
        self._queue = around.queue
        self._recorder = around.recorder
        self.graph = Graph(self)
        self.live = Live(around.client)
        self._gone = Gone()
        self._watching = Watching(around.client, around.informers, self.graph)
        around.queue.add_after(DISCOVER, DISCOVERY_S)

    @property
    def informers(self) -> Sequence[Synced]:
        return (self._watching,)

    # graph.Work

    def look_at(self, uid: str) -> None:
        self._queue.add(ObjectKey(LOOK, uid))

    def let_go(self, uid: str) -> None:
        self._queue.add(ObjectKey(LET_GO, uid))

    async def sync(self, key: ObjectKey) -> None:
        what, uid = key
        if key == DISCOVER:
            await self._discover()
            return
        node = self.graph.get(uid)
        if node is None or node.resource is None:
            return
        if what == LET_GO:
            await self._let_go(node, node.resource)
        elif what == LOOK and not node.observed:
            await self._verify(node, node.resource)
        elif what == LOOK:
            await self._look_at(node, node.resource)

    async def _discover(self) -> None:
        self._queue.add_after(DISCOVER, DISCOVERY_S)
        try:
            await self._watching.look_for_more()
        except msgspec.DecodeError as error:
            logger.warning("discovery cannot be read: %s", error)

    async def _verify(self, node: Node, resource: Resource) -> None:
        """Find out whether an owner exists that was only referred to."""
        if not self._watching.serves(resource):
            self._queue.add_after(ObjectKey(LOOK, node.uid), DISCOVERY_S)
            return
        where = Identity(resource, node.key)
        if (where, node.uid) not in self._gone:
            if await self.live.read(resource, node.key, node.uid) is not None:
                if not node.observed and self._watching.follows(resource):
                    # It is on its way here.
                    self._queue.add_after(ObjectKey(LOOK, node.uid), NOT_SEEN_YET_S)
                return
            self._gone.add(where, node.uid)
        for dependent in self.graph.dependents_of(node.uid):
            self.look_at(dependent.uid)

    async def _look_at(self, node: Node, resource: Resource) -> None:
        if node.fate.waiting:
            await self._finish(node, resource)
        if node.fate.deleting or self.graph.is_held(node):
            return
        meta = await self.live.read(resource, node.key, node.uid)
        if meta is None or not meta.ownerReferences:
            return  # its informer will tell
        verdict = await self._judge(references_of(meta), resource, meta)
        if verdict is None:
            self._queue.add_after(ObjectKey(LOOK, node.uid), DISCOVERY_S)
        elif not verdict.living:
            await self._collect(node, resource, meta, foreground=bool(verdict.waiting))
        elif over := {owner.uid for owner in [*verdict.gone, *verdict.waiting]}:
            await self.live.drop_owners(resource, node.key, node.uid, over)

    async def _collect(
        self, node: Node, resource: Resource, meta: ObjectMeta, *, foreground: bool
    ) -> None:
        """Delete an object that no living owner wants; ``foreground``: some owner waits for it."""
        dependents = self.graph.dependents_of(node.uid) if foreground else []
        if not dependents:
            await self.live.delete(resource, meta, _own_policy(meta))
            return
        if any(each.fate.waiting for each in dependents):  # a circle: nobody would go first
            meta = await self.live.unblock(resource, meta)
        await self.live.delete(resource, meta, Propagation.FOREGROUND)

    async def _judge(
        self, owners: Sequence[OwnerRef], resource: Resource, meta: ObjectMeta
    ) -> Verdict | None:
        """Read every owner that is not known to be gone; None where one's kind is not served."""
        verdict = Verdict([], [], [])
        for owner in owners:
            found = resource_of(owner)
            if found is None or not self._watching.serves(found):
                return None  # its 404 would mean the kind, not the owner
            if found.namespaced and not resource.namespaced:
                self._warn(resource, meta, owner)
                verdict.living.append(owner)  # cannot be looked up: keep
                continue
            where = Identity(
                found, ObjectKey(meta.namespace if found.namespaced else "", owner.name)
            )
            state = None
            if (where, owner.uid) not in self._gone:
                state = await self.live.read(found, where.key, owner.uid)
                if state is None:
                    self._gone.add(where, owner.uid)
            if state is None:
                self._warn_of_stranger(resource, meta, owner)
                verdict.gone.append(owner)
            elif state.HasField("deletionTimestamp") and FOREGROUND in state.finalizers:
                verdict.waiting.append(owner)
            else:
                verdict.living.append(owner)
        return verdict

    async def _finish(self, node: Node, resource: Resource) -> None:
        """Let an owner go whose blocking dependents are gone; else have them looked at."""
        blocking = node.blocking()
        if not blocking or waits_for_itself(node):
            await self.live.drop_finalizer(resource, node.key, node.uid, FOREGROUND)
            return
        for dependent in blocking:
            if not dependent.fate.waiting:
                self.look_at(dependent.uid)

    async def _let_go(self, node: Node, resource: Resource) -> None:
        """Take an owner off all its dependents, and then its finalizer off itself."""
        if not node.fate.orphaning:
            return
        left = iter(self.graph.dependents_of(node.uid))
        failures: list[Exception] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._let_some_go(node.uid, left, failures))
        if failures:
            raise failures[0]
        await self.live.drop_finalizer(resource, node.key, node.uid, ORPHAN)

    async def _let_some_go(
        self, owner_uid: str, left: Iterator[Node], failures: list[Exception]
    ) -> None:
        for node in left:
            if node.resource is None or failures:
                continue
            try:
                await self.live.drop_owners(node.resource, node.key, node.uid, {owner_uid})
            except (ApiError, TransportError) as error:
                failures.append(error)

    def _warn_of_stranger(self, resource: Resource, meta: ObjectMeta, owner: OwnerRef) -> None:
        """Tell when an owner is gone from the object's namespace but lives in another."""
        elsewhere = self.graph.get(owner.uid)
        if (
            elsewhere is not None
            and elsewhere.observed
            and elsewhere.resource is not None
            and elsewhere.resource.namespaced
            and elsewhere.key.namespace != meta.namespace
        ):
            self._warn(resource, meta, owner)

    def _warn(self, resource: Resource, meta: ObjectMeta, owner: OwnerRef) -> None:
        about = ObjectReference(
            apiVersion=resource.api_version,
            kind=resource.kind,
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
        )
        told = f"[{owner.api_version}/{owner.kind}, name: {owner.name}, uid: {owner.uid}]"
        self._recorder.record(
            about,
            "OwnerRefInvalidNamespace",
            f'ownerRef {told} does not exist in namespace "{meta.namespace}"',
            warning=True,
        )


def _own_policy(meta: ObjectMeta) -> Propagation:
    """Return how an object itself asks to be deleted."""
    if ORPHAN in meta.finalizers:
        return Propagation.ORPHAN
    if FOREGROUND in meta.finalizers:
        return Propagation.FOREGROUND
    return Propagation.BACKGROUND
