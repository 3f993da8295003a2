"""The work queue: its worked example, its laws over random histories, its waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cluster.client.interface import ShutDownError
from cluster.client.workqueue import (
    Backoff,
    Bucket,
    Delays,
    Line,
    RateLimit,
    RateLimitedQueue,
)

KEYS = st.sampled_from("abcd")


def test_line_follows_its_worked_example() -> None:
    line = Line[str]()
    line.add("a")
    line.add("b")
    assert not line.add("a")
    assert line.take() == "a"
    assert not line.add("a")
    assert line.take() == "b"
    assert line.done("a")
    assert not line.done("b")
    assert line.take() == "a"
    assert len(line) == 0


class LineMachine(RuleBasedStateMachine):
    """Against a model that says in words what the line promises."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line[str]()
        self.owed: list[str] = []
        self.at_work: set[str] = set()
        self.again: list[str] = []

    @rule(key=KEYS)
    def add(self, key: str) -> None:
        self.line.add(key)
        target = self.again if key in self.at_work else self.owed
        if key not in target:
            target.append(key)

    @precondition(lambda self: self.owed)
    @rule()
    def take(self) -> None:
        key = self.line.take()
        assert key == self.owed.pop(0)
        assert key not in self.at_work
        self.at_work.add(key)

    @rule(key=KEYS)
    def done(self, key: str) -> None:
        self.line.done(key)
        self.at_work.discard(key)
        if key in self.again:
            self.again.remove(key)
            self.owed.append(key)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert len(self.line) == len(self.owed)


LineMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestLine = LineMachine.TestCase


def test_delays_keep_the_earliest_time_of_a_key() -> None:
    delays = Delays[str]()
    delays.put("a", 5.0)
    delays.put("b", 3.0)
    delays.put("a", 2.0)
    delays.put("a", 9.0)

    assert delays.next_due() == 2.0
    assert delays.take(2.5) == ["a"]
    assert delays.take(9.0) == ["b"]
    assert delays.next_due() is None


def test_delays_drop_superseded_times() -> None:
    delays = Delays[int]()
    for step in range(1000):
        delays.put(0, 1000.0 - step)

    assert len(delays) == 1
    assert len(delays._heap) < 100


def test_backoff_doubles_to_its_maximum_until_forgotten() -> None:
    backoff = Backoff[str](0.005, 1000.0)

    waits = [backoff.next_s("a") for _ in range(100)]
    backoff.forget("a")

    assert waits[:4] == [0.005, 0.01, 0.02, 0.04]
    assert waits[-1] == 1000.0
    assert backoff.next_s("a") == 0.005
    assert backoff.next_s("b") == 0.005


def test_bucket_lets_a_burst_through_then_its_rate() -> None:
    bucket = Bucket(RateLimit(10.0, 2))

    waits = [bucket.next_s(100.0) for _ in range(4)]

    assert waits == pytest.approx([0.0, 0.0, 0.1, 0.2])
    assert bucket.next_s(110.0) == 0.0


def test_get_drains_what_is_there_after_shut_down_then_raises(run: Any) -> None:
    async def scenario() -> list[str]:
        queue = RateLimitedQueue[str]()
        queue.add("a")
        queue.add_after("late", 60.0)
        queue.shut_down()
        queue.add("b")
        taken = [await queue.get()]
        queue.done("a")
        with pytest.raises(ShutDownError):
            await queue.get()
        return taken

    assert run(scenario()) == ["a"]


def test_shut_down_ends_every_waiting_get(run: Any) -> None:
    async def scenario() -> list[str | BaseException]:
        queue = RateLimitedQueue[str]()
        async with asyncio.timeout(90):
            waits = [asyncio.ensure_future(queue.get()) for _ in range(3)]
            await asyncio.sleep(0)
            queue.shut_down()
            return await asyncio.gather(*waits, return_exceptions=True)

    assert [type(end) for end in run(scenario())] == [ShutDownError] * 3


def test_cancelled_getter_passes_its_wakeup_on(run: Any) -> None:
    async def scenario() -> str:
        queue = RateLimitedQueue[str]()
        async with asyncio.timeout(90):
            first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
            await asyncio.sleep(0)
            queue.add("a")  # wakes the first, which is cancelled before it can run
            first.cancel()
            return await second

    assert run(scenario()) == "a"


def test_delayed_and_rate_limited_keys_arrive_in_order_of_their_waits(run: Any) -> None:
    async def scenario() -> tuple[list[str], int]:
        queue = RateLimitedQueue[str](backoff=Backoff(0.001, 1.0), retries=RateLimit(1000.0, 10))
        queue.add_after("slow", 0.010)
        queue.add_after("slower", 0.012)
        queue.add_after("none", 0.0)
        queue.add_rate_limited("fast")
        assert queue.delayed == 3
        async with asyncio.timeout(90):
            return [await queue.get() for _ in range(4)], queue.failures("fast")

    assert run(scenario()) == (["none", "fast", "slow", "slower"], 1)


def test_no_key_is_worked_on_twice_at_once_by_many_workers(run: Any) -> None:
    async def scenario() -> dict[int, int]:
        queue = RateLimitedQueue[int]()
        at_work: set[int] = set()
        synced = dict.fromkeys(range(5), 0)

        async def work() -> None:
            while True:
                try:
                    key = await queue.get()
                except ShutDownError:
                    return
                assert key not in at_work
                at_work.add(key)
                await asyncio.sleep(0)
                at_work.remove(key)
                synced[key] += 1
                queue.done(key)

        async with asyncio.timeout(90), asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(work())
            for turn in range(200):
                queue.add(turn % 5)
                if turn % 7 == 0:
                    await asyncio.sleep(0)
            queue.shut_down()
        assert not at_work
        return synced

    assert all(count > 0 for count in run(scenario()).values())


def test_delay_whose_moment_has_passed_does_not_upset_the_next(run: Any) -> None:
    async def scenario() -> list[str]:
        queue = RateLimitedQueue[str]()
        queue._delays.put("overdue", asyncio.get_running_loop().time() - 1.0)
        queue._arm()  # for a moment that has passed, uvloop gives a handle without ``when``
        queue.add_after("next", 0.001)
        async with asyncio.timeout(90):
            return [await queue.get() for _ in range(2)]

    assert run(scenario()) == ["overdue", "next"]


class CountedQueue(RateLimitedQueue[int]):
    fired = 0

    def _come_due(self) -> None:
        self.fired += 1
        super()._come_due()


def test_fractions_of_a_millisecond_are_slept_through(run: Any) -> None:
    async def scenario() -> None:
        queue = CountedQueue()
        for key in range(40):
            queue.add_after(key, 0.0013 + key * 0.00137)
        for _ in range(40):
            queue.done(await queue.get())

        assert queue.fired <= 3 * 40  # and not hundreds for each, as often as the loop can turn

    run(scenario())
