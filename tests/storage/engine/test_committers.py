"""Both committers: order, errors, and where jobs run."""

from __future__ import annotations

import asyncio
import threading

import pytest

from storage.clock import SystemClock
from storage.engine.committer import Committer, InlineCommitter, ThreadCommitter

KINDS = [InlineCommitter, ThreadCommitter]


class Outcomes:
    """Collects what a committer answers."""

    def __init__(self) -> None:
        self.seen: list[tuple[Exception | None, int]] = []
        self.news = asyncio.Event()

    def done(self, error: Exception | None, duration_ns: int) -> None:
        self.seen.append((error, duration_ns))
        self.news.set()

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(90):
            while len(self.seen) < count:
                self.news.clear()
                await self.news.wait()


@pytest.mark.parametrize("kind", KINDS)
async def test_jobs_run_in_order_and_are_answered_on_the_loop(kind: type[Committer]) -> None:
    committer, outcomes, ran = kind(SystemClock()), Outcomes(), list[int]()  # type: ignore[call-arg]  # the protocol has no constructor
    committer.start(asyncio.get_running_loop())

    for number in range(5):
        committer.submit(lambda number=number: ran.append(number), outcomes.done)  # type: ignore[misc]  # a default is how a loop binds
    assert outcomes.seen == []
    await outcomes.reach(5)
    committer.close()

    assert ran == [0, 1, 2, 3, 4]
    assert all(error is None and duration_ns >= 0 for error, duration_ns in outcomes.seen)


@pytest.mark.parametrize("kind", KINDS)
async def test_error_of_a_job_is_its_answer(kind: type[Committer]) -> None:
    committer, outcomes = kind(SystemClock()), Outcomes()  # type: ignore[call-arg]  # as above
    committer.start(asyncio.get_running_loop())
    broken = ValueError("broken")

    def job() -> None:
        raise broken

    committer.submit(job, outcomes.done)
    committer.submit(lambda: None, outcomes.done)
    await outcomes.reach(2)
    committer.close()

    assert [error for error, _ in outcomes.seen] == [broken, None]


async def test_thread_leaves_the_loop_free_while_a_job_blocks() -> None:
    committer, outcomes, release = ThreadCommitter(SystemClock()), Outcomes(), threading.Event()
    committer.start(asyncio.get_running_loop())
    committer.submit(lambda: assert_released(release), outcomes.done)

    for _ in range(10):
        await asyncio.sleep(0)
    assert outcomes.seen == []

    release.set()
    await outcomes.reach(1)
    committer.close()
    assert outcomes.seen[0][0] is None


def assert_released(event: threading.Event) -> None:
    assert event.wait(10)


async def test_close_ends_the_thread_after_its_job() -> None:
    committer, ran = ThreadCommitter(SystemClock()), list[str]()
    committer.start(asyncio.get_running_loop())
    committer.submit(lambda: ran.append(threading.current_thread().name), lambda *_: None)

    committer.close()
    committer.close()

    assert ran == ["committer"]
    assert "committer" not in {thread.name for thread in threading.enumerate()}
