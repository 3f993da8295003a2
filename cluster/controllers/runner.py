"""Runs a controller: waits for its informers, then works its queue until told to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cluster.client.events import Recorder
from cluster.client.interface import ApiClient, InformerSource, ObjectKey, WorkQueue
from cluster.client.workers import Workers
from storage.clock import Clock

WORKERS: Final = 5
"""Concurrent syncs per controller: Kubernetes' default for replica controllers."""


class Synced(Protocol):
    """Something whose first list must have been applied before keys are worked on."""

    async def wait_synced(self) -> None:
        """Return once the first list has been applied."""
        ...


class Controller(Protocol):
    """One resource's control loop."""

    @property
    def name(self) -> str:
        """Its name in logs and statistics."""
        ...

    @property
    def informers(self) -> Sequence[Synced]:
        """The caches that ``sync`` reads."""
        ...

    async def sync(self, key: ObjectKey) -> None:
        """Bring one key's world to what its spec says; what is raised is tried again later."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every controller is given."""

    client: ApiClient
    informers: InformerSource
    queue: WorkQueue[ObjectKey]
    """Its own; the runner takes from it, the controller's sinks add to it."""
    recorder: Recorder
    clock: Clock


class Runner:
    """A controller at work."""

    def __init__(
        self, controller: Controller, queue: WorkQueue[ObjectKey], *, workers: int = WORKERS
    ) -> None:
        self._controller = controller
        self._queue = queue
        self.workers = Workers(controller.name, queue, controller.sync, count=workers)

    async def run(self) -> None:
        """Work until ``stop``."""
        await self.wait_synced()
        await self.workers.run()

    async def wait_synced(self) -> None:
        """Return once the controller's caches have their first lists."""
        for informer in self._controller.informers:
            await informer.wait_synced()

    def stop(self) -> None:
        """Take no new keys; ``run`` returns when those in line are done."""
        self._queue.shut_down()
