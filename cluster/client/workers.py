"""The worker loop, once: takes keys from a queue, syncs them, backs off what fails.

Controllers, and the kubelets' pods and heartbeats, all run through here. ``sync`` is level-driven:
it looks at the present state of a key, so a key that fails is simply synced again later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cluster.client.interface import ApiError, ShutDownError, TransportError, WorkQueue

logger = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)


class Workers(Generic[K]):
    """``count`` workers on one queue; ends when the queue is shut down and drained."""

    def __init__(
        self,
        name: str,
        queue: WorkQueue[K],
        sync: Callable[[K], Awaitable[None]],
        *,
        count: int,
    ) -> None:
        self._name = name
        self._queue = queue
        self._sync = sync
        self._count = count
        self.synced = 0
        self.failed = 0
        """Syncs that raised, each of which is tried again."""

    async def run(self) -> None:
        """Work until the queue is shut down; cancel it to stop at once."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._work())

    async def _work(self) -> None:
        queue = self._queue
        while True:
            try:
                key = await queue.get()
            except ShutDownError:
                return
            try:
                await self._sync(key)
            except (ApiError, TransportError) as error:
                self._retry(key, error)
            except Exception:  # a defect in one key's sync must not stop the others
                logger.exception("%s: %s failed", self._name, key)
                self._retry(key, None)
            else:
                self.synced += 1
                queue.forget(key)
            finally:
                queue.done(key)

    def _retry(self, key: K, error: Exception | None) -> None:
        self.failed += 1
        if error is not None:
            logger.debug("%s: %s again: %s", self._name, key, error)
        self._queue.add_rate_limited(key)
