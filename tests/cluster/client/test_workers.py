"""The worker loop: failures come again, success resets the back-off, shutting down drains."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cluster.client.failures import failure
from cluster.client.interface import TransportError
from cluster.client.workers import Workers
from cluster.client.workqueue import RateLimitedQueue
from tests.cluster.settling import settle


def test_keys_are_worked_on_and_the_line_is_drained_at_the_end() -> None:
    async def scenario() -> list[int]:
        queue, seen = RateLimitedQueue[int](), list[int]()

        async def sync(key: int) -> None:
            await asyncio.sleep(0)
            seen.append(key)

        workers = Workers("test", queue, sync, count=3)
        for key in range(10):
            queue.add(key)
        queue.shut_down()
        await workers.run()
        assert workers.synced == 10
        return seen

    assert sorted(asyncio.run(scenario())) == list(range(10))


@pytest.mark.parametrize("error", [failure(409), TransportError("torn"), ValueError("a defect")])
def test_failed_key_comes_again_after_its_back_off(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        queue, calls, done = RateLimitedQueue[str](), list[int](), asyncio.Event()

        async def sync(_key: str) -> None:
            calls.append(queue.failures("k"))
            if len(calls) < 3:
                raise error
            done.set()

        workers = Workers("test", queue, sync, count=1)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(workers.run())
            queue.add("k")
            await done.wait()
            await settle(lambda: workers.synced == 1)
            work.cancel()

        assert calls == [0, 1, 2]
        assert workers.failed == 2
        assert queue.failures("k") == 0

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(scenario())
