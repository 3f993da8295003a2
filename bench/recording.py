"""What the measuring process saw of the pods, on its own watch, and when.

Every stamp is the moment at which the bytes of the event were read from the socket
(``RawEvent.received_ns``). The recording is what the auditor's list is held against.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from cluster.client.history_follower import Follower
from cluster.client.history_format import Flag
from cluster.client.interface import (
    ApiClient,
    ApiError,
    ObjectKey,
    RawEvent,
    RawList,
    TransportError,
)
from serialization.api.core.v1_pb2 import Pod
from serialization.kinds import PODS
from storage.clock import Clock

RUNNING: Final = "Running"
GONE: Final = 410
RETRY_S: Final = 0.2
GAP_NS_MIN: Final = 250_000_000
"""Shorter times without an event are not kept."""


@dataclass(slots=True)
class PodRecord:
    """One pod, by its uid; stamps are 0 until it came to that."""

    uid: str
    namespace: str
    name: str
    owned: bool
    """Whether a controller made it."""
    added_ns: int
    node: str = ""
    bound_ns: int = 0
    running_ns: int = 0
    deleted_ns: int = 0
    resource_version: str = ""
    from_list: bool = False
    """Its first sight was a list, so its first stamp is late."""
    owner: str = ""
    """uid of the controller that made it; records of one controller share the text."""


class ToldPod(NamedTuple):
    """What an event told of a pod, for the history."""

    key: ObjectKey
    resource_version: str
    node_name: str
    phase: str
    deleting: bool

    @classmethod
    def of(cls, pod: Pod) -> ToldPod:
        """Return it."""
        metadata = pod.metadata
        return cls(
            ObjectKey(metadata.namespace, metadata.name),
            metadata.resourceVersion,
            pod.spec.nodeName,
            pod.status.phase,
            metadata.HasField("deletionTimestamp"),
        )


class PodRecorder:
    """Holds a watch on all pods and keeps a record of each. Belongs to one event loop."""

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._changed = asyncio.Event()
        self._synced = asyncio.Event()
        self._revision = ""
        self.follower: Follower | None = None
        """Writes what is seen into the history, where one is kept; set it before ``run``."""
        self.records: dict[str, PodRecord] = {}
        self.running = 0
        """Pods that were seen running, gone ones too."""
        self.running_of: dict[str, int] = {}
        """uid of an owner → how many of its pods run, as far as was seen."""
        self.gone = 0
        self.events = 0
        self.running_bytes = 0
        """Of the bare objects in which pods were first seen running."""
        self.last_event_ns = 0
        self.resumed = 0
        self.relisted = 0
        self.gaps: list[tuple[int, int]] = []
        """From and until when no event came although ``reach`` waited for some."""

    @property
    def revision(self) -> str:
        """Return the resourceVersion that the records are of."""
        return self._revision

    @property
    def alive(self) -> int:
        """Return how many pods are there now."""
        return len(self.records) - self.gone

    async def run(self) -> None:
        """List, then watch, until cancelled; a torn watch is resumed, and counted."""
        await self._list()
        self._synced.set()
        lost = False
        while True:
            try:
                if lost:
                    await self._relist()
                    lost = False
                await self._watch()
            except (ApiError, TransportError) as error:
                if isinstance(error, ApiError) and error.code == GONE:
                    self.relisted += 1
                    lost = True
                else:
                    self.resumed += 1
                    await asyncio.sleep(RETRY_S)

    async def wait_synced(self) -> None:
        """Return once the first list has been read."""
        await self._synced.wait()

    async def reach(self, count: Callable[[], int], target: int, stall_s: float) -> bool:
        """Wait until ``count()`` is at least ``target``.

        Return False when ``stall_s`` pass without any change of it.
        """
        last, since_ns = count(), self._clock.stamp_ns()
        quiet_ns = since_ns
        while last < target:
            self._changed.clear()
            left_s = stall_s - (self._clock.stamp_ns() - since_ns) / 1e9
            if left_s <= 0:
                return False
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                continue
            finally:
                quiet_ns = self._heard(quiet_ns)
            now = count()
            if now != last:
                last, since_ns = now, self._clock.stamp_ns()
        return True

    def _heard(self, quiet_ns: int) -> int:
        """Keep the gap that may end now, which began at ``quiet_ns``; return where one begins."""
        now_ns = self._clock.stamp_ns()
        if now_ns - quiet_ns >= GAP_NS_MIN:
            self.gaps.append((quiet_ns, now_ns))
        return now_ns

    async def quiet(self, for_s: float, at_most_s: float) -> bool:
        """Wait until no pod has changed for ``for_s``; False if that takes over ``at_most_s``."""
        begin_ns = self._clock.stamp_ns()
        while True:
            now_ns = self._clock.stamp_ns()
            idle_s = (now_ns - max(self.last_event_ns, begin_ns)) / 1e9
            if idle_s >= for_s:
                return True
            if (now_ns - begin_ns) / 1e9 > at_most_s:
                return False
            await asyncio.sleep(for_s - idle_s + 0.01)

    async def _list(self) -> None:
        listing = await self._client.list_raw(PODS)
        self._listed(listing)
        stamp_ns = self._clock.stamp_ns()
        for bare in listing.items:
            record = self._update(self._client.decode(Pod, bare), stamp_ns)
            record.from_list = True
        self._revision = listing.resource_version
        self._changed.set()

    async def _relist(self) -> None:
        known = {uid for uid, record in self.records.items() if not record.deleted_ns}
        listing = await self._client.list_raw(PODS)
        self._listed(listing)
        stamp_ns = self._clock.stamp_ns()
        for bare in listing.items:
            known.discard(self._update(self._client.decode(Pod, bare), stamp_ns).uid)
        for uid in sorted(known):
            self._delete(self.records[uid], stamp_ns)
        self._revision = listing.resource_version
        self._changed.set()

    def _listed(self, listing: RawList) -> None:
        if self.follower is not None:
            self.follower.listed("", listing.resource_version, len(listing.items))

    def record_state(self) -> None:
        """Write the digest of the pods that are there into the history, where one is kept."""
        if self.follower is not None:
            alive = (record for record in self.records.values() if not record.deleted_ns)
            self.follower.holds(
                ((ObjectKey(r.namespace, r.name), r.resource_version) for r in alive), Flag.FOLLOWER
            )

    async def _watch(self) -> None:
        if self.follower is not None:
            self.follower.opened(self._revision)
        watch = self._client.watch_raw(PODS, resource_version=self._revision)
        try:
            async for events in watch:
                self.take(events)
        finally:
            if self.follower is not None:
                self.follower.closed()
            await watch.aclose()

    def take(self, events: Iterable[RawEvent]) -> None:
        """Record events in the order in which they came."""
        for event in events:
            pod = self._client.decode(Pod, event.bare)
            self._revision = pod.metadata.resourceVersion
            if event.type == "BOOKMARK":
                if self.follower is not None:
                    self.follower.promised(self._revision, event.received_ns)
                continue
            if self.follower is not None:
                self.follower.took(event.type, ToldPod.of(pod), event.received_ns)
            self.events += 1
            self.last_event_ns = event.received_ns
            before = self.running
            record = self._update(pod, event.received_ns)
            if self.running > before:
                self.running_bytes += len(event.bare)
            if event.type == "DELETED":
                self._delete(record, event.received_ns)
        self._changed.set()

    def _update(self, pod: Pod, stamp_ns: int) -> PodRecord:
        metadata = pod.metadata
        record = self.records.get(metadata.uid)
        if record is None:
            record = PodRecord(
                metadata.uid,
                metadata.namespace,
                metadata.name,
                owned=bool(metadata.ownerReferences),
                added_ns=stamp_ns,
            )
            self.records[metadata.uid] = record
        record.resource_version = metadata.resourceVersion
        if not record.bound_ns and pod.spec.nodeName:
            record.bound_ns = stamp_ns
            record.node = pod.spec.nodeName
        if not record.running_ns and pod.status.phase == RUNNING:
            record.running_ns = stamp_ns
            self.running += 1
            for owner in metadata.ownerReferences:
                record.owner = sys.intern(owner.uid)
                self.running_of[record.owner] = self.running_of.get(record.owner, 0) + 1
        return record

    def _delete(self, record: PodRecord, stamp_ns: int) -> None:
        if not record.deleted_ns:
            record.deleted_ns = stamp_ns
            self.gone += 1
            if record.owner:
                self.running_of[record.owner] -= 1
