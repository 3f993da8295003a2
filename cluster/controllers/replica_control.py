"""Replica control: as many owned, active pods as ``spec.replicas`` says, whatever the kind.

Each sync takes one look at the caches and makes one move: adopt and release, then create or delete
the difference (only when everything asked for before has been seen, see ``expectations``), then
write the status. No pod of a missing owner is deleted here: that is garbage collection.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from cluster.client.interface import ApiError, CachedObject, Informer, ObjectKey
from cluster.client.selector_index import SelectorIndex
from cluster.client.sink import Sink
from cluster.controllers.expectations import EXPECTATION_TTL_NS, Expectations
from cluster.controllers.ownership import (
    BY_CONTROLLER,
    FINISHED,
    ORPHANS,
    Ownership,
    controller_of,
    is_active,
    orphan_place,
    orphan_places,
)
from cluster.controllers.replica_status import Outcome, set_status
from cluster.controllers.replica_writes import Owner, Replicas
from cluster.controllers.replicas import (
    BURST_REPLICAS,
    PodFacts,
    count_replicas,
    facts_of,
    victims,
)
from cluster.controllers.runner import Surroundings, Synced
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import OwnerReference
from serialization.kinds import PODS
from serialization.scheme import Resource
from serialization.selectors import LabelSelector

LOST_AFTER_S: Final = EXPECTATION_TTL_NS / 1e9 + 1.0
"""When an expectation has expired for certain: timers may fire a little early."""

W = TypeVar("W", core.ReplicationController, apps.ReplicaSet)


@dataclass(frozen=True, slots=True)
class ReplicaKind(Generic[W]):
    """What differs between the kinds that keep replicas."""

    resource: Resource
    message: type[W]
    selector: Callable[[W], LabelSelector]
    tell_terminating: Callable[[W, int], bool]
    """Writes how many pods are on their way out, where the kind's status has that.

    Returns whether that changed it.
    """


class Claim(NamedTuple):
    """The pods that a controller has, as its sync finds them."""

    active: list[PodFacts]
    fully_labeled: int
    """How many of those carry all labels of the template."""
    terminating: int


class ReplicaControl(Generic[W]):
    """Keeps the controllers of one kind and their pods in step (``runner.Controller``)."""

    name: str

    def __init__(self, around: Surroundings, kind: ReplicaKind[W]) -> None:
        self._kind: ReplicaKind[W] = kind
        self._client = around.client
        self._queue = around.queue
        self._clock = around.clock
        self._controllers: Informer[W] = around.informers.informer(kind.resource, kind.message)
        self._pods = around.informers.informer(PODS, core.Pod)
        self._pods.add_index(BY_CONTROLLER, controller_of)
        self._pods.add_index(ORPHANS, orphan_places)
        self._selectors = SelectorIndex()
        self.expectations = Expectations()
        self.ownership = Ownership(around.client)
        self.replicas = Replicas(around, self.expectations)
        self._facts: dict[str, PodFacts] = {}
        self._key_by_uid: dict[str, ObjectKey] = {}
        self._written: dict[ObjectKey, W] = {}
        """What our last status write answered, until the cache has it: else the next is stale."""
        self._controllers.subscribe(Sink(self.controller_changed, self.controller_gone))
        self._pods.subscribe(_PodSink(self))

    @property
    def informers(self) -> Sequence[Synced]:
        return (self._controllers, self._pods)

    # what the caches tell

    def controller_changed(self, controller: CachedObject[W]) -> None:
        """A controller appeared or changed."""
        key = controller.key
        self._key_by_uid[controller.uid] = key
        self._selectors.put(key, self._kind.selector(controller.peek()))
        written = self._written.get(key)
        if written is not None and not _is_newer(written, controller):
            del self._written[key]  # the cache has caught up
        self._queue.add(key)

    def controller_gone(self, controller: CachedObject[W]) -> None:
        """A controller was removed."""
        self._key_by_uid.pop(controller.uid, None)
        self._selectors.drop(controller.key)
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
        if not new.owner_uid and (old.owner_uid or old.labels != new.labels):
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
        for key in self._selectors.matching(pod.key.namespace, pod.labels):
            self._queue.add(key)

    # what is done about it

    async def sync(self, key: ObjectKey) -> None:
        cached = self._controllers.lister.get(key)
        if cached is None:
            self.expectations.forget(key)
            return
        controller = self._kind.message()
        controller.CopyFrom(self._written.get(key) or cached.message())
        satisfied = self.expectations.satisfied(key, self._clock.stamp_ns())
        if not satisfied:  # what is awaited comes as an event; should it be lost, look again
            self._queue.add_after(key, LOST_AFTER_S)
        claim = await self._claim(controller, deleting=cached.deleting)
        now = self._controllers.lister.get(key)
        if claim is None or now is None or now.uid != cached.uid:
            return  # that it is gone, or another, came as an event, and the key with it
        failure = None
        if satisfied and not now.deleting:
            failure = await self._move(key, controller, claim.active)
        outcome = Outcome(controller.spec.replicas - len(claim.active), failure)
        await self._write_status(key, controller, claim, outcome)
        if failure is not None:
            raise failure

    async def _claim(self, controller: W, *, deleting: bool) -> Claim | None:
        """Adopt and release; return the pods it then has, None if it is not what the cache says.

        A controller that is being deleted keeps what it has and takes nothing.
        """
        metadata = controller.metadata
        selector = self._kind.selector(controller)
        claim, strangers = self._owned(controller, selector)
        if deleting:
            return claim
        orphans = [
            pod
            for pod in self._pods.lister.by_index(
                ORPHANS, orphan_place(metadata.namespace, selector)
            )
            if is_active(pod) and selector.matches(pod.labels)
        ]
        for pod in strangers:
            await self.ownership.release(pod, metadata.uid)
        if not orphans:
            return claim
        if not await self._may_adopt(controller):
            return None
        reference, wanted = self._owner(controller).reference, _template_labels(controller)
        for orphan in orphans:
            if (adopted := await self.ownership.adopt(orphan, reference)) is not None:
                claim.active.append(facts_of(adopted))
                claim = claim._replace(
                    fully_labeled=claim.fully_labeled + (wanted <= orphan.labels.items())
                )
        return claim

    def _owned(
        self, controller: W, selector: LabelSelector
    ) -> tuple[Claim, list[CachedObject[core.Pod]]]:
        """Return what it owns by the cache, and what of that its selector no longer picks."""
        wanted = _template_labels(controller)
        active: list[PodFacts] = []
        strangers: list[CachedObject[core.Pod]] = []
        fully_labeled = terminating = 0
        # Replicas share their labels, the very same dict: each set is judged once a sync.
        judged: dict[int, tuple[bool, bool]] = {}
        for pod in self._pods.lister.by_index(BY_CONTROLLER, controller.metadata.uid):
            if not is_active(pod):
                terminating += pod.phase not in FINISHED
                continue
            labels = pod.labels
            verdict = judged.get(id(labels))
            if verdict is None:
                verdict = selector.matches(labels), wanted <= labels.items()
                judged[id(labels)] = verdict
            if verdict[0]:
                active.append(self._facts_of(pod))
                fully_labeled += verdict[1]
            else:
                strangers.append(pod)
        return Claim(active, fully_labeled, terminating), strangers

    def _facts_of(self, pod: CachedObject[core.Pod]) -> PodFacts:
        """Read a pod once per version: a sync of 250 replicas then parses only what changed."""
        facts = self._facts.get(pod.uid)
        if facts is None or facts.resource_version != pod.resource_version:
            facts = facts_of(pod.peek())
            self._facts[pod.uid] = facts
        return facts

    async def _may_adopt(self, controller: W) -> bool:
        """Return whether a live read shows this very controller, and not on its way out.

        If not, the cache is behind; what it lacks comes as an event, and the key with it.
        """
        metadata = controller.metadata
        key = ObjectKey(metadata.namespace, metadata.name)
        try:
            live = await self._client.get(self._kind.resource, self._kind.message, key)
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        found = live.metadata
        return found.uid == metadata.uid and not found.HasField("deletionTimestamp")

    async def _move(
        self, key: ObjectKey, controller: W, active: Sequence[PodFacts]
    ) -> Exception | None:
        """Create or delete the difference, at most ``BURST_REPLICAS``; return the first failure."""
        short = controller.spec.replicas - len(active)
        if short > 0:
            owner, template = self._owner(controller), controller.spec.template
            return await self.replicas.create(key, owner, template, min(short, BURST_REPLICAS))
        if short < 0:
            surplus = victims(active, min(-short, BURST_REPLICAS))
            return await self.replicas.delete(key, self._owner(controller), surplus)
        return None

    async def _write_status(
        self, key: ObjectKey, controller: W, claim: Claim, outcome: Outcome
    ) -> None:
        now = self._clock.now()
        counts = count_replicas(
            claim.active,
            claim.fully_labeled,
            min_ready_s=controller.spec.minReadySeconds,
            now_s=int(now.timestamp()),
        )
        if counts.available_in_s:
            self._queue.add_after(key, counts.available_in_s - now.microsecond / 1e6)
        changed = set_status(controller, counts, outcome, now)
        if not (self._kind.tell_terminating(controller, claim.terminating) or changed):
            return
        try:
            written = await self._client.update_status(self._kind.resource, controller)
        except ApiError:
            self._written.pop(key, None)
            raise
        cached = self._controllers.lister.get(key)
        if cached is not None and _is_newer(written, cached):
            self._written[key] = written

    def _owner(self, controller: W) -> Owner:
        metadata, resource = controller.metadata, self._kind.resource
        return Owner(
            core.ObjectReference(
                apiVersion=resource.api_version,
                kind=resource.kind,
                namespace=metadata.namespace,
                name=metadata.name,
                uid=metadata.uid,
                resourceVersion=metadata.resourceVersion,
            ),
            OwnerReference(
                apiVersion=resource.api_version,
                kind=resource.kind,
                name=metadata.name,
                uid=metadata.uid,
                controller=True,
                blockOwnerDeletion=True,
            ),
        )


class _PodSink(Generic[W]):
    def __init__(self, control: ReplicaControl[W]) -> None:
        self._control: ReplicaControl[W] = control

    def added(self, new: CachedObject[core.Pod]) -> None:
        self._control.pod_added(new)

    def updated(self, old: CachedObject[core.Pod], new: CachedObject[core.Pod]) -> None:
        if old.uid != new.uid:  # a removal and a creation that were missed
            self._control.pod_gone(old)
            self._control.pod_added(new)
        elif old.resource_version != new.resource_version:
            self._control.pod_changed(old, new)

    def deleted(self, last: CachedObject[core.Pod]) -> None:
        self._control.pod_gone(last)


def _template_labels(controller: W) -> ItemsView[str, str]:
    return dict(controller.spec.template.metadata.labels).items()


def _is_newer(written: W, cached: CachedObject[W]) -> bool:
    """Return whether an answer is ahead of the cache: versions of one object are comparable."""
    return int(written.metadata.resourceVersion) > int(cached.resource_version)
