"""The loop waits for a stage, for no longer than it takes, and never for a stage that is stuck."""

from __future__ import annotations

import asyncio
import threading

from storage.clock import SystemClock
from storage.engine.committer import ThreadCommitter
from storage.engine.staging import Staging


def outcome(loop: asyncio.AbstractEventLoop) -> asyncio.Future[Exception | None]:
    return loop.create_future()


async def test_stage_is_over_when_the_call_returns_and_the_rest_goes_on_beside() -> None:
    loop, staging, order = asyncio.get_running_loop(), Staging(), list[str]()
    committer = ThreadCommitter(SystemClock(), staging=staging)
    disk, done = threading.Event(), outcome(loop)
    committer.start(loop)

    def job() -> None:
        order.append("staged")
        staging.over()
        disk.wait()
        order.append("synced")

    committer.submit(job, lambda error, _ns: done.set_result(error))
    order.append("returned")
    disk.set()
    await done
    committer.close()

    assert sorted(order) == ["returned", "staged", "synced"]
    assert order.index("staged") < order.index("synced")


async def test_stage_that_is_stuck_does_not_hold_the_loop() -> None:
    loop = asyncio.get_running_loop()
    committer, stuck, done = ThreadCommitter(SystemClock()), threading.Event(), outcome(loop)
    committer.start(loop)

    def job() -> None:
        stuck.wait()

    committer.submit(job, lambda error, _ns: done.set_result(error))
    stuck.set()  # only a loop that goes on comes here
    error = await done
    committer.close()

    assert error is None
