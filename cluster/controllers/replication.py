"""The ReplicationController controller: as many owned, active pods as ``spec.replicas`` says.

Each sync takes one look at the caches and makes one move: adopt what matches, then create or delete
the difference (only when everything asked for before has been seen, see ``expectations``), then
write the status. No pod of a missing owner is deleted here: that is garbage collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cluster.client.interface import (
    ApiError,
    CachedObject,
    ObjectKey,
)
from cluster.controllers.expectations import EXPECTATION_TTL_NS, Expectations
from cluster.controllers.replica_writes import Owner, Replicas
from cluster.controllers.replicas import (
    BURST_REPLICAS,
    PodFacts,
    ReplicaCounts,
    count_replicas,
    facts_of,
    matches,
    victims,
)
from cluster.controllers.runner import Surroundings, Synced
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import OwnerReference
from serialization.kinds import PODS, REPLICATION_CONTROLLERS

KIND: Final = "ReplicationController"
BY_OWNER: Final = "controller-uid"
ORPHANS: Final = "orphans-by-namespace"


def _owner_of(pod: CachedObject[core.Pod]) -> Iterable[str]:
    return (pod.owner_uid,) if pod.owner_uid else ()


def _namespace_of_orphan(pod: CachedObject[core.Pod]) -> Iterable[str]:
    return () if pod.owner_uid else (pod.key.namespace,)


class ReplicationController:
    """Keeps replication controllers and their pods in step."""

    name: Final = "replicationcontroller"

    def __init__(self, around: Surroundings) -> None:
        self._client = around.client
        self._queue = around.queue
        self._clock = around.clock
        self._controllers = around.informers.informer(
            REPLICATION_CONTROLLERS, core.ReplicationController
        )
        self._pods = around.informers.informer(PODS, core.Pod)
        self._pods.add_index(BY_OWNER, _owner_of)
        self._pods.add_index(ORPHANS, _namespace_of_orphan)
        self.expectations = Expectations()
        self._facts: dict[str, PodFacts] = {}
        self._key_by_uid: dict[str, ObjectKey] = {}
        self._written: dict[ObjectKey, core.ReplicationController] = {}
        """What our last status write answered, until the cache has it: else the next is stale."""
        self.replicas = Replicas(around, self.expectations)
        self._controllers.subscribe(_ControllerSink(self))
        self._pods.subscribe(_PodSink(self))

    @property
    def informers(self) -> Sequence[Synced]:
        return (self._controllers, self._pods)

    def controller_changed(self, controller: CachedObject[core.ReplicationController]) -> None:
        """A controller appeared or changed."""
        key = controller.key
        self._key_by_uid[controller.uid] = key
        written = self._written.get(key)
        if written is not None and not _is_newer(written, controller):
            del self._written[key]  # the cache has caught up
        self._queue.add(key)

    def controller_gone(self, controller: CachedObject[core.ReplicationController]) -> None:
        """A controller was removed."""
        self._key_by_uid.pop(controller.uid, None)
        self._written.pop(controller.key, None)
        # A successor of this name may come before a sync: it would wait for another's pods.
        self.expectations.forget(controller.key)
        self._queue.add(controller.key)

    def pod_added(self, pod: CachedObject[core.Pod]) -> None:
        """A pod appeared."""
        if pod.deleting:  # after a relist, a pod may first be seen on its way out
            self.pod_going(pod)
            return
        key = self._key_by_uid.get(pod.owner_uid)
        if key is not None:
            self.expectations.creation_observed(key)
            self._queue.add(key)
        elif not pod.owner_uid:
            self._queue_matching(pod)

    def pod_changed(self, old: CachedObject[core.Pod], new: CachedObject[core.Pod]) -> None:
        """A pod changed, its owner perhaps too."""
        if new.deleting:
            self.pod_going(new)
            return
        for uid in {old.owner_uid: None, new.owner_uid: None}:
            key = self._key_by_uid.get(uid)
            if key is not None:
                self._queue.add(key)
        if not new.owner_uid:
            self._queue_matching(new)

    def pod_going(self, pod: CachedObject[core.Pod]) -> None:
        """A pod is being deleted."""
        key = self._key_by_uid.get(pod.owner_uid)
        if key is not None:
            self.expectations.deletion_observed(key, pod.uid)
            self._queue.add(key)

    def pod_gone(self, pod: CachedObject[core.Pod]) -> None:
        """A pod was removed."""
        self._facts.pop(pod.uid, None)
        self.pod_going(pod)

    def _queue_matching(self, pod: CachedObject[core.Pod]) -> None:
        """Put the controllers that would adopt an orphan in line."""
        for controller in self._controllers.lister.list(pod.key.namespace):
            if matches(controller.message().spec.selector, pod.labels):
                self._queue.add(controller.key)

    async def sync(self, key: ObjectKey) -> None:
        cached = self._controllers.lister.get(key)
        if cached is None:
            self.expectations.forget(key)
            return
        controller = core.ReplicationController()
        controller.CopyFrom(self._written.get(key) or cached.message())
        satisfied = self.expectations.satisfied(key, self._clock.stamp_ns())
        if not satisfied:  # what is awaited comes as an event; should it be lost, look again
            self._queue.add_after(key, EXPECTATION_TTL_NS / 1e9)
        deleting = cached.deleting
        adopted = [] if deleting else await self._adopt(controller)
        pods = self._active_pods(controller.metadata.uid, adopted)
        active = [facts for facts, _labels in pods]
        failure: Exception | None = None
        if satisfied and not deleting:
            failure = await self._move(key, controller, active)
        template = controller.spec.template.metadata.labels
        fully_labeled = sum(matches(template, labels) for _facts, labels in pods)
        await self._write_status(controller, active, fully_labeled)
        if failure is not None:
            raise failure

    def _active_pods(
        self, uid: str, adopted: Iterable[core.Pod]
    ) -> list[tuple[PodFacts, Mapping[str, str]]]:
        """Return what it owns by the cache, and what it just adopted, which the cache may lack."""
        pods: dict[str, tuple[PodFacts, Mapping[str, str]]] = {
            pod.metadata.uid: (facts_of(pod), pod.metadata.labels) for pod in adopted
        }
        for pod in self._pods.lister.by_index(BY_OWNER, uid):
            pods[pod.uid] = (self._facts_of(pod), pod.labels)
        return [pod for pod in pods.values() if pod[0].active]

    def _facts_of(self, pod: CachedObject[core.Pod]) -> PodFacts:
        """Read a pod once per version: a sync of 250 replicas then parses only what changed."""
        facts = self._facts.get(pod.uid)
        if facts is None or facts.resource_version != pod.resource_version:
            facts = facts_of(pod.message())
            self._facts[pod.uid] = facts
        return facts

    async def _move(
        self, key: ObjectKey, controller: core.ReplicationController, active: list[PodFacts]
    ) -> Exception | None:
        """Create or delete the difference, at most ``BURST_REPLICAS``; return the first failure."""
        short = controller.spec.replicas - len(active)
        owner = Owner(_reference(controller), _owner(controller))
        if short > 0:
            template, count = controller.spec.template, min(short, BURST_REPLICAS)
            return await self.replicas.create(key, owner, template, count)
        if short < 0:
            return await self.replicas.delete(
                key, owner, victims(active, min(-short, BURST_REPLICAS))
            )
        return None

    async def _adopt(self, controller: core.ReplicationController) -> list[core.Pod]:
        """Put this controller's reference on pods that match and that nobody controls."""
        namespace = controller.metadata.namespace
        selector = controller.spec.selector
        orphans = [
            pod
            for pod in self._pods.lister.by_index(ORPHANS, namespace)
            if not pod.deleting and matches(selector, pod.labels)
        ]
        adopted = []
        for orphan in orphans:
            pod = orphan.message()
            pod.metadata.ownerReferences.append(_owner(controller))
            try:
                adopted.append(await self._client.update(PODS, pod))
            except ApiError as error:
                # A stale one (409) must be looked at again before it is known how many are short.
                if error.code != 404:
                    raise
        return adopted

    async def _write_status(
        self,
        controller: core.ReplicationController,
        active: list[PodFacts],
        fully_labeled: int,
    ) -> None:
        now_s = int(self._clock.now().timestamp())
        min_ready_s = controller.spec.minReadySeconds
        counts = count_replicas(active, fully_labeled, min_ready_s=min_ready_s, now_s=now_s)
        if min_ready_s and counts.available < counts.ready:
            self._queue.add_after(
                ObjectKey(controller.metadata.namespace, controller.metadata.name), min_ready_s
            )
        if not _set_status(controller, counts):
            return
        key = ObjectKey(controller.metadata.namespace, controller.metadata.name)
        try:
            written = await self._client.update_status(REPLICATION_CONTROLLERS, controller)
        except ApiError:
            self._written.pop(key, None)
            raise
        now = self._controllers.lister.get(key)
        if now is not None and _is_newer(written, now):
            self._written[key] = written


class _ControllerSink:
    def __init__(self, loop: ReplicationController) -> None:
        self._loop = loop

    def added(self, new: CachedObject[core.ReplicationController]) -> None:
        self._loop.controller_changed(new)

    def updated(
        self,
        old: CachedObject[core.ReplicationController],
        new: CachedObject[core.ReplicationController],
    ) -> None:
        if old.uid != new.uid:
            self._loop.controller_gone(old)
        self._loop.controller_changed(new)

    def deleted(self, last: CachedObject[core.ReplicationController]) -> None:
        self._loop.controller_gone(last)


class _PodSink:
    def __init__(self, loop: ReplicationController) -> None:
        self._loop = loop

    def added(self, new: CachedObject[core.Pod]) -> None:
        self._loop.pod_added(new)

    def updated(self, old: CachedObject[core.Pod], new: CachedObject[core.Pod]) -> None:
        if old.uid != new.uid:  # a removal and a creation that were missed
            self._loop.pod_gone(old)
            self._loop.pod_added(new)
        elif old.resource_version != new.resource_version:
            self._loop.pod_changed(old, new)

    def deleted(self, last: CachedObject[core.Pod]) -> None:
        self._loop.pod_gone(last)


def _is_newer(
    written: core.ReplicationController, cached: CachedObject[core.ReplicationController]
) -> bool:
    """Return whether an answer is ahead of the cache: versions of one object are comparable."""
    return int(written.metadata.resourceVersion) > int(cached.resource_version)


def _owner(controller: core.ReplicationController) -> OwnerReference:
    return OwnerReference(
        apiVersion=REPLICATION_CONTROLLERS.api_version,
        kind=KIND,
        name=controller.metadata.name,
        uid=controller.metadata.uid,
        controller=True,
        blockOwnerDeletion=True,
    )


def _reference(controller: core.ReplicationController) -> core.ObjectReference:
    metadata = controller.metadata
    return core.ObjectReference(
        apiVersion=REPLICATION_CONTROLLERS.api_version,
        kind=KIND,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resourceVersion=metadata.resourceVersion,
    )


def _set_status(controller: core.ReplicationController, counts: ReplicaCounts) -> bool:
    """Write the counts into the status; return whether that changed it."""
    before = core.ReplicationControllerStatus()
    before.CopyFrom(controller.status)
    status = controller.status
    status.replicas = counts.replicas
    status.fullyLabeledReplicas = counts.fully_labeled
    status.readyReplicas = counts.ready
    status.availableReplicas = counts.available
    status.observedGeneration = controller.metadata.generation
    return bool(status != before)
