"""All hollow nodes of a process: they share connections and workers, and watch each for itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cluster.client.events import EventRecorder, Recorder, SilentRecorder
from cluster.client.interface import (
    ApiClient,
    ApiError,
    InformerSource,
    ObjectKey,
    Selection,
    TransportError,
)
from cluster.client.workers import Workers
from cluster.client.workqueue import Backoff, RateLimitedQueue
from cluster.kubelet.behaviour import Behaviour
from cluster.kubelet.heartbeat import Heartbeats, NodeReport, Rhythm
from cluster.kubelet.hollow_node import Habits, HollowNode, NodeMirror, Place, PodTask
from cluster.kubelet.log_stream import Logs
from cluster.kubelet.node_events import tell_started
from cluster.kubelet.node_object import NOWHERE, Capacity, Endpoint, hollow_node, refresh
from cluster.kubelet.pod_sync import PodSync
from cluster.kubelet.report_stamps import ReportStamps
from cluster.kubelet.stages import Latencies
from cluster.kubelet.status_writer import StatusWriter, Writes
from serialization.api.core.v1_pb2 import Node, Pod
from serialization.kinds import NODES, PODS
from storage.clock import Clock

REGISTRATIONS: Final = 32
"""Nodes that register, and open their watches, at once."""
POD_WORKERS: Final = 64
HEARTBEAT_WORKERS: Final = 64
RETRY_S_MAX: Final = 10.0
"""The longest that a write which fails is put off: a kubelet's back-off, and its heartbeats'
interval. With a controller's (up to 1000 s) nodes stayed silent for up to as long again as the API
server had been away."""
ATTEMPTS_MAX: Final = 20
RETRY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """Which nodes, and how they behave."""

    nodes: int
    first_node: int = 0
    stride: int = 1
    """From one node's number to the next one's: fleets that share a range interleave."""
    name_prefix: str = "hollow-node-"
    heartbeat_s: float = 10.0
    """Between two heartbeats of a node; 0: none."""
    status_beats: int = 1
    """Every how many heartbeats the status is written; the others renew the node's lease."""
    latencies: Latencies = field(default_factory=Latencies)
    capacity: Capacity = field(default_factory=Capacity)
    endpoint: Endpoint = NOWHERE
    """Where the kubelets listen, all of them."""
    register_again: bool = False
    """Whether a node that was deleted is registered by its next heartbeat; kubelets only do that
    when they start."""
    node_watch: bool = True
    """Each node also watches its own Node, as a kubelet does."""
    writes: Writes = Writes.PUT
    """How the status of pods and nodes is written."""
    behaviour: Behaviour = field(default_factory=Behaviour)
    """What containers do, unless their pod says otherwise."""
    stamps_max: int = 0
    """For how many pods to keep when they were reported running."""
    seed: int = 0
    """Of what containers do: the same for a process that takes over from another."""


class Fleet:
    """Hollow nodes, from their registration to the end of the process."""

    def __init__(
        self,
        client: ApiClient,
        informers: InformerSource,
        clock: Clock,
        chance: random.Random,
        *,
        options: FleetOptions,
        recorder: EventRecorder | None,
    ) -> None:
        self._client = client
        self._informers = informers
        self.pod_queue = RateLimitedQueue[PodTask](backoff=Backoff(max_s=RETRY_S_MAX))
        self.heartbeat_queue = RateLimitedQueue[int](backoff=Backoff(max_s=RETRY_S_MAX))
        self._clock = clock
        self._options = options
        habits = Habits(
            options.latencies, clock, chance, self._arrange, options.behaviour, options.seed
        )
        self.nodes = [
            HollowNode(place, habits, _recorder_of(recorder, place.name))
            for place in self._places()
        ]
        self.mirror = NodeMirror()
        self.stamps = ReportStamps(options.stamps_max) if options.stamps_max else None
        self.pods = PodSync(
            StatusWriter(client, options.writes),
            self.nodes,
            self.pod_queue,
            clock,
            chance,
            stamps=self.stamps,
        )
        self.heartbeats = Heartbeats(
            client,
            self.nodes,
            self.heartbeat_queue,
            Rhythm(options.heartbeat_s, options.status_beats, clock, chance),
            report=NodeReport(
                options.capacity,
                options.endpoint,
                options.writes,
                self._register if options.register_again else None,
            ),
        )
        self.pod_workers = Workers("pod", self.pod_queue, self.pods.sync, count=POD_WORKERS)
        self.heartbeat_workers = Workers(
            "heartbeat", self.heartbeat_queue, self.heartbeats.sync, count=HEARTBEAT_WORKERS
        )
        self.logs = Logs(self.nodes, clock)
        self.registered = 0

    def _places(self) -> list[Place]:
        options = self._options
        first, stride = options.first_node, options.stride
        numbers = range(first, first + options.nodes * stride, stride)
        return [
            Place(slot, number, f"{options.name_prefix}{number}", options.endpoint.address(number))
            for slot, number in enumerate(numbers)
        ]

    def _arrange(self, task: PodTask, delay_ns: int) -> None:
        if delay_ns > 0:
            self.pod_queue.add_after(task, delay_ns / 1e9)
        else:
            self.pod_queue.add(task)

    async def run(self, ready: Callable[[], None]) -> None:
        """Register all nodes and open their watches, call ``ready``, and work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pod_workers.run())
            group.create_task(self.heartbeat_workers.run())
            group.create_task(self.heartbeats.turn())
            await self._join()
            ready()

    async def _join(self) -> None:
        waiting = iter(self.nodes)  # shared: each worker takes the next node

        async def join_some() -> None:
            for node in waiting:
                await self._join_one(node)

        async with asyncio.TaskGroup() as group:
            for _ in range(REGISTRATIONS):
                group.create_task(join_some())

    async def _join_one(self, node: HollowNode) -> None:
        for attempt in range(ATTEMPTS_MAX):
            try:
                await self._register(node)
                break
            except (ApiError, TransportError):
                if attempt + 1 == ATTEMPTS_MAX:
                    raise
                await asyncio.sleep(RETRY_S * (attempt + 1))
        self.registered += 1
        pods = self._informers.informer(PODS, Pod, Selection(fields=f"spec.nodeName={node.name}"))
        node.lister = pods.lister
        pods.subscribe(node)
        await pods.wait_synced()
        if self._options.node_watch:
            selection = Selection(fields=f"metadata.name={node.name}")
            mirror = self._informers.informer(NODES, Node, selection)
            mirror.subscribe(self.mirror)
            await mirror.wait_synced()
        self.heartbeats.start(node.index)

    async def _register(self, node: HollowNode) -> None:
        """POST the node; take over one that is there. Either way its status is whole afterwards."""
        now_s = int(self._clock.now().timestamp())
        capacity, endpoint = self._options.capacity, self._options.endpoint
        new = hollow_node(node.name, node.number, capacity, now_s, endpoint)
        try:
            stored = await self._client.create(NODES, "", new)
        except ApiError as error:
            if error.code != 409:
                raise
            stored = await self._client.get(NODES, Node, ObjectKey("", node.name))
            reported = turned = False
        else:
            reported = turned = bool(stored.status.conditions)
        node.uid = stored.metadata.uid
        if not reported:
            turned = refresh(stored, node.number, capacity, now_s, endpoint)
            await self._client.update_status(NODES, stored)
        tell_started(node.recorder, node.name, turned=turned)


def _recorder_of(recorder: EventRecorder | None, host: str) -> Recorder:
    return recorder.for_host(host) if recorder is not None else SilentRecorder()
