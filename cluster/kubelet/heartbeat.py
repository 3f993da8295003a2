"""Heartbeats: one timer for all nodes of the process, and the status write that each one is.

The wheel puts nodes in line when they are due; a bounded pool of workers writes. A node that is
still in line when it is due again has missed a beat, which is counted: the generator was too slow.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from hdrh.histogram import HdrHistogram

from cluster.client.interface import ApiClient, ApiError, ObjectKey, PatchType, WorkQueue
from cluster.kubelet.hollow_node import HollowNode
from cluster.kubelet.node_events import tell_ready
from cluster.kubelet.node_lease import NodeLeases
from cluster.kubelet.node_object import NOWHERE, Capacity, Endpoint, refresh
from cluster.kubelet.status_patch import status_patch
from cluster.kubelet.status_writer import Writes
from serialization.api.core.v1_pb2 import Node
from serialization.kinds import NODES
from serialization.plain import plain
from storage.clock import Clock

EARLY_NS: Final = 1_000_000
"""uvloop's timers may fire half a millisecond early; to wait for less than one takes it no time, so
the wheel would turn until then: 8.4 times for each beat at 2000 nodes, now 1.2 times."""
LATE_US_MAX: Final = 3_600_000_000
CONFLICTS_MAX: Final = 5
"""A kubelet's nodeStatusUpdateRetry."""


@dataclass(slots=True)
class HeartbeatCounts:
    """What the heartbeats did so far."""

    beats: int = 0
    """Beats done: status writes and lease renewals."""
    status_puts: int = 0
    status_patches: int = 0
    conflicts: int = 0
    missed: int = 0
    gone: int = 0
    """Beats that found their node deleted."""
    late_ns_max: int = 0
    """How much later than due a heartbeat was written, at worst."""


class Rhythm(NamedTuple):
    """How often, and the sources of time and chance."""

    interval_s: float
    """Between two beats of a node; 0: never."""
    status_beats: int
    """Every how many beats the status is written; the others renew the lease. 1: no leases."""
    clock: Clock
    chance: random.Random


class NodeReport(NamedTuple):
    """What nodes say of themselves, and how."""

    capacity: Capacity = Capacity()
    endpoint: Endpoint = NOWHERE
    writes: Writes = Writes.PUT
    register_again: Callable[[HollowNode], Awaitable[None]] | None = None
    """What to do about a node that was deleted. None: nothing, as kubelets do; its beats fail until
    the process is started again."""


class Heartbeats:
    """Every node's status, at every interval, spread evenly by chance from its start on."""

    def __init__(
        self,
        client: ApiClient,
        nodes: Sequence[HollowNode],
        queue: WorkQueue[int],
        rhythm: Rhythm,
        *,
        report: NodeReport,
    ) -> None:
        self._client = client
        self._nodes = nodes
        self._queue = queue
        self._status_beats = rhythm.status_beats
        self._beats = [0] * len(nodes)
        self.leases = NodeLeases(client, rhythm.clock)
        self._interval_ns = int(rhythm.interval_s * 1e9)
        self._report = report
        self._clock = rhythm.clock
        self._chance = rhythm.chance
        self._wheel: list[tuple[int, int]] = []
        self._in_line: dict[int, int] = {}
        self._wake = asyncio.Event()
        self.counts = HeartbeatCounts()
        self._late_us = HdrHistogram(1, LATE_US_MAX, 2)

    def late_ms(self, percentile: float) -> float:
        """Return a percentile of how much later than due heartbeats were written; 0: none was."""
        return float(self._late_us.get_value_at_percentile(percentile)) / 1000

    def start(self, node: int) -> None:
        """Let a node beat from now on; its first beat comes within one interval."""
        if not self._interval_ns:
            return
        first_ns = self._clock.stamp_ns() + int(self._chance.random() * self._interval_ns)
        heapq.heappush(self._wheel, (first_ns, node))
        self._wake.set()

    async def turn(self) -> None:
        """Put nodes in line as they are due, until cancelled."""
        least_ns = 0
        while True:
            next_ns = self.release(self._clock.stamp_ns())
            self._wake.clear()
            delay_s = None
            if next_ns is not None:
                delay_s = max(next_ns - self._clock.stamp_ns(), least_ns) / 1e9
            try:
                async with asyncio.timeout(delay_s):
                    await self._wake.wait()
            except TimeoutError:
                early = next_ns is not None and self._clock.stamp_ns() < next_ns
                least_ns = EARLY_NS if early else 0

    def release(self, now_ns: int) -> int | None:
        """Put what is due in line; return when the next node is due."""
        wheel = self._wheel
        while wheel and wheel[0][0] <= now_ns:
            due_ns, node = heapq.heappop(wheel)
            if node in self._in_line:
                self.counts.missed += 1
            else:
                self._in_line[node] = due_ns
                self._queue.add(node)
            heapq.heappush(wheel, (due_ns + self._interval_ns, node))
        return wheel[0][0] if wheel else None

    async def sync(self, node: int) -> None:
        """Make one node's beat."""
        due_ns = self._in_line.get(node)
        if due_ns is None:
            return
        late_ns = self._clock.stamp_ns() - due_ns
        self.counts.late_ns_max = max(self.counts.late_ns_max, late_ns)
        self._late_us.record_value(min(max(late_ns // 1000, 1), LATE_US_MAX))
        try:
            await self._beat(node)
        except ApiError as error:
            if error.code != 404:
                raise
        self._in_line.pop(node, None)
        self.counts.beats += 1

    async def _beat(self, node: int) -> None:
        hollow = self._nodes[node]
        # Offset by the node, so that not all nodes write their status in the same interval.
        if (self._beats[node] + node) % self._status_beats == 0:
            await self._write_status(hollow)
        else:
            await self.leases.renew(hollow)
        self._beats[node] += 1

    async def _write_status(self, hollow: HollowNode) -> None:
        """GET, refresh, PUT or PATCH; when stale, once more."""
        report = self._report
        for attempt in range(CONFLICTS_MAX):
            node = await self._stored(hollow)
            if node is None:
                return
            now_s = int(self._clock.now().timestamp())
            before = plain(node.status) if report.writes is Writes.PATCH else {}
            turned = refresh(node, hollow.number, report.capacity, now_s, report.endpoint)
            try:
                await self._send(node, before)
            except ApiError as error:
                if error.code != 409 or attempt + 1 == CONFLICTS_MAX:
                    raise
                self.counts.conflicts += 1
            else:
                if turned:
                    tell_ready(hollow.recorder, hollow.name)
                return

    async def _stored(self, hollow: HollowNode) -> Node | None:
        """GET a node; None when it is gone, and what is to be done about that has been done."""
        try:
            return await self._client.get(NODES, Node, ObjectKey("", hollow.name))
        except ApiError as error:
            if error.code != 404:
                raise
        self.counts.gone += 1
        if self._report.register_again is not None:
            await self._report.register_again(hollow)
        return None

    async def _send(self, node: Node, before: dict[str, object]) -> None:
        if self._report.writes is Writes.PUT:
            self.counts.status_puts += 1
            await self._client.update_status(NODES, node)
            return
        self.counts.status_patches += 1
        body = status_patch(before, plain(node.status))
        key = ObjectKey("", node.metadata.name)
        kind = PatchType.STRATEGIC
        await self._client.patch(NODES, Node, key, body, kind=kind, subresource="status")
