from __future__ import annotations

import asyncio

import pytest

from bench.pacing import Pacer
from storage.virtual_time import VirtualClock, run_virtual

MS = 1_000_000


def test_open_loop_sends_when_due_although_earlier_ones_are_still_waiting() -> None:
    clock = VirtualClock()
    sent: list[tuple[int, int]] = []

    async def slow(thing: int, due_ns: int) -> None:
        sent.append((due_ns // MS, clock.stamp_ns() // MS))
        await asyncio.sleep(5.0)

    run_virtual(Pacer(clock).open_loop(range(4), 0.1, slow))

    assert sent == [(0, 0), (100, 100), (200, 200), (300, 300)]


def test_open_loop_keeps_its_schedule_after_a_stall() -> None:
    clock = VirtualClock()
    due: list[int] = []

    class StallingClock:
        """Says once that a long time has passed, as after a blocked loop."""

        late_ns = 0

        def stamp_ns(self) -> int:
            return clock.stamp_ns() + self.late_ns

        now = clock.now

    stalling = StallingClock()

    async def action(thing: int, due_ns: int) -> None:
        due.append(due_ns // MS)
        if thing == 1:
            stalling.late_ns = 250 * MS

    run_virtual(Pacer(stalling).open_loop(range(5), 0.1, action))

    assert due == [0, 100, 200, 300, 400]


def test_open_loop_that_cannot_keep_up_lets_what_it_started_go_on() -> None:
    started: list[int] = []

    class FastClock(VirtualClock):
        """Every look at it takes longer than an interval: all but the first are late."""

        looks = 0

        def stamp_ns(self) -> int:
            self.looks += 1
            return self.looks * 1000 * MS

    async def action(thing: int, due_ns: int) -> None:
        started.append(thing)
        if thing == 2:
            raise InterruptedError

    async def overrun() -> None:
        await Pacer(FastClock()).open_loop(range(1000), 0.001, action)

    with pytest.raises(ExceptionGroup, match="TaskGroup"):
        run_virtual(overrun())
    assert len(started) < 10


def test_closed_loop_never_has_more_under_way_than_workers() -> None:
    clock = VirtualClock()
    under_way = most = 0
    done: list[int] = []

    async def action(thing: int, due_ns: int) -> None:
        nonlocal under_way, most
        assert due_ns == 0
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.1)
        under_way -= 1
        done.append(thing)

    run_virtual(Pacer(clock).closed_loop(range(10), 3, action))

    assert most == 3
    assert sorted(done) == list(range(10))
