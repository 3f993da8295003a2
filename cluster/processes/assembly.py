"""The clients of an API server, wired: what the processes run, and a cluster in one process too.

Each is a value: all that it needs is given to it, so that any number can live on one loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from cluster.client.events import EventRecorder, Recorder, SilentRecorder
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiClient, ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.registry import CONTROLLERS, EVENT_SOURCES
from cluster.controllers.runner import Runner, Surroundings
from cluster.kubelet.fleet import Fleet, FleetOptions
from cluster.scheduler.scheduler import Scheduler
from storage.clock import Clock

EVENTS_WAITING_PER_NODE: Final = 1_000
"""Each real kubelet has a line of that length of its own (client-go's broadcaster)."""
EVENTS_WAITING_MAX: Final = 50_000
"""What the lines of all nodes of a process together may hold, and that of each controller: some
100 MB."""

EVENTS_IN_FLIGHT_MAX: Final = 64
CONTROL_EVENTS_IN_FLIGHT: Final = 32
"""For the scheduler and each controller. kube-scheduler gives every event a goroutine of its own;
with 8 each, sharing 8 connections, 20,000 pods on 2000 nodes left 7,000 of 60,000 events in line
and 6,500 were dropped; now all are posted."""
EVENTS_DRAIN_S: Final = 2.0
"""How long a process that was asked to end goes on to post what is in line."""

START_DRAIN_S: Final = 30.0
"""How long nodes that start wait for their first events to be posted: 12,000 of 2000 nodes."""


def events_in_flight(nodes: int) -> int:
    """Return how many events the nodes of a process post at once.

    Every real kubelet posts its events one by one, so as many are in flight as there are nodes.
    With 8 for 2000 nodes four fifths were still in line at the end of a run: a lighter load than
    it should be.
    """
    return max(1, min(nodes, EVENTS_IN_FLIGHT_MAX))


async def drain_events(
    recorders: Iterable[EventRecorder], within_s: float = EVENTS_DRAIN_S
) -> None:
    """Wait until the lines of events are empty, so long at most; run them meanwhile."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s), asyncio.TaskGroup() as group:
            for recorder in recorders:
                group.create_task(recorder.drain())


class Links(NamedTuple):
    """What ties a component to the world: an API server, time, and chance."""

    client: ApiClient
    events: ApiClient | None
    """Posts events; None: there are none."""
    informers: InformerFactory
    """Entered already."""
    clock: Clock
    chance: random.Random


class Control:
    """Controllers and the scheduler, with a queue and a recorder for each."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self.recorders: list[EventRecorder] = []
        self.scheduler = Scheduler(
            links.client,
            links.informers,
            self._recorder("default-scheduler"),
            links.clock,
            random.Random(links.chance.getrandbits(64)),
        )
        self.queues: dict[str, RateLimitedQueue[ObjectKey]] = {}
        """By the controller's name, as are the runners."""
        self.runners: dict[str, Runner] = {}
        for name, make in CONTROLLERS.items():
            queue = self.queues[name] = RateLimitedQueue[ObjectKey]()
            recorder = self._recorder(EVENT_SOURCES.get(name, f"{name}-controller"))
            around = Surroundings(links.client, links.informers, queue, recorder, links.clock)
            self.runners[name] = Runner(make(around), queue)

    def _recorder(self, component: str) -> Recorder:
        if self._links.events is None:
            return SilentRecorder()
        recorder = EventRecorder(
            self._links.events,
            self._links.clock,
            component=component,
            waiting_max=EVENTS_WAITING_MAX,
            workers=CONTROL_EVENTS_IN_FLIGHT,
        )
        self.recorders.append(recorder)
        return recorder

    async def run(self, ready: Callable[[], None]) -> None:
        """Call ``ready`` once every cache has its first list; work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for recorder in self.recorders:
                group.create_task(recorder.run())
            for runner in self.runners.values():
                group.create_task(runner.run())
            group.create_task(self.scheduler.run())
            await self.scheduler.wait_synced()
            for runner in self.runners.values():
                await runner.wait_synced()
            ready()


class Nodes:
    """A fleet of hollow nodes and their recorder."""

    def __init__(self, links: Links, options: FleetOptions) -> None:
        self.recorder: EventRecorder | None = None
        if links.events is not None:
            self.recorder = EventRecorder(
                links.events,
                links.clock,
                component="kubelet",
                waiting_max=min(EVENTS_WAITING_PER_NODE * options.nodes, EVENTS_WAITING_MAX),
                workers=events_in_flight(options.nodes),
            )
        self.fleet = Fleet(
            links.client,
            links.informers,
            links.clock,
            random.Random(links.chance.getrandbits(64)),
            options=options,
            recorder=self.recorder,
        )

    async def run(self, ready: Callable[[], None]) -> None:
        """Register all nodes and open their watches, call ``ready``, and work until cancelled.

        What the nodes report of their start is posted before ``ready``: it is no part of the load.
        """
        async with asyncio.TaskGroup() as group:
            joined = asyncio.Event()
            group.create_task(self.fleet.run(joined.set))
            if self.recorder is None:
                await joined.wait()
            else:
                group.create_task(self.recorder.run())
                await joined.wait()
                await drain_events([self.recorder], START_DRAIN_S)
            ready()
