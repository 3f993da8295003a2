"""Callers in virtual time: what is due when, and from when latencies count."""

from __future__ import annotations

import asyncio

import pytest

from bench.storebench.callers import TURN, Operation, Schedule, Tally, closed_loop
from bench.storebench.drivers.interface import DriverError
from storage.virtual_time import VirtualClock, run_virtual

MS = 1_000_000


async def _open_loop(
    operation: Operation, tally: Tally, callers: int, seconds: float, *, late_s: float = 0.0
) -> Schedule:
    schedule = Schedule(10.0, tally)
    async with asyncio.TaskGroup() as group:
        group.create_task(schedule.run(tally.stamp(), callers))
        for _ in range(callers):
            group.create_task(schedule.serve(operation))
        await asyncio.sleep(seconds)
        tally.stopping = True
        await asyncio.sleep(late_s)
        tally.dropping = True
    return schedule


def test_open_loop_counts_latency_from_when_an_operation_was_due() -> None:
    tally = Tally(VirtualClock().stamp_ns)
    due: list[int] = []

    async def slow(due_ns: int) -> None:
        due.append(due_ns // MS)
        await asyncio.sleep(0.25)

    schedule = run_virtual(_open_loop(slow, tally, 1, 0.45))

    # Due at 0, 100, 200, 300, 400: one caller takes them at 0, 250, 500 ms; the last two too late.
    assert due == [0, 100]
    assert [round(each / MS) for each in tally.latencies] == [250, 400]
    assert schedule.due == 5
    assert schedule.late_ns_max == 0


def test_what_was_due_in_the_window_counts_though_it_is_answered_after_it() -> None:
    tally = Tally(VirtualClock().stamp_ns)
    tally.forget(100 * MS)
    tally.until_ns = 400 * MS

    async def stalled(_due_ns: int) -> None:
        await asyncio.sleep(0.25)

    run_virtual(_open_loop(stalled, tally, 1, 0.45, late_s=10.0))

    # Due at 0 to 400 ms, one at a time: answered at 250, 500, 750, 1000, 1250 ms.
    assert [round(each / MS) for each in tally.latencies] == [250, 400, 550, 700, 850]
    assert [round(each / MS) for each in tally.due_latencies] == [400, 550, 700]


def test_open_loop_with_callers_enough_waits_for_nobody() -> None:
    tally = Tally(VirtualClock().stamp_ns)

    async def slow(_due_ns: int) -> None:
        await asyncio.sleep(0.25)

    run_virtual(_open_loop(slow, tally, 4, 0.45))

    assert [round(each / MS) for each in tally.latencies] == [250] * 5


def test_a_schedule_behind_its_time_is_told_and_is_in_the_latencies() -> None:
    clock = VirtualClock()
    tally = Tally(clock.stamp_ns)
    schedule = Schedule(10.0, tally)

    async def quick(_due_ns: int) -> None:
        await asyncio.sleep(0)

    async def scenario() -> None:
        begin_ns = tally.stamp() - 150 * MS  # the process slept through the first two
        async with asyncio.TaskGroup() as group:
            group.create_task(schedule.run(begin_ns, 1))
            group.create_task(schedule.serve(quick))
            await asyncio.sleep(0.01)
            tally.stopping = True

    run_virtual(scenario())

    assert [each // MS for each in tally.latencies] == [150, 50]
    assert schedule.late_ns_max == 150 * MS


def test_closed_loop_asks_when_it_has_its_answer() -> None:
    tally = Tally(VirtualClock().stamp_ns)

    async def operation(_stamp_ns: int) -> None:
        await asyncio.sleep(0.1)
        tally.stopping = len(tally.latencies) == 2

    run_virtual(closed_loop(operation, tally))

    assert [each // MS for each in tally.latencies] == [100, 100, 100]


def test_closed_loop_lets_others_run_though_its_answers_come_at_once() -> None:
    tally = Tally(VirtualClock().stamp_ns)

    async def operation(_stamp_ns: int) -> None:
        return

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(closed_loop(operation, tally))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            tally.stopping = True

    run_virtual(scenario())

    assert len(tally.latencies) % TURN == 0
    assert len(tally.latencies) > 0


@pytest.mark.parametrize("paced", [False, True])
def test_failures_are_counted_and_no_latencies(paced: bool) -> None:
    tally = Tally(VirtualClock().stamp_ns)

    async def refused(_stamp_ns: int) -> None:
        await asyncio.sleep(0)
        raise DriverError("no")

    async def closed() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(closed_loop(refused, tally))
            await asyncio.sleep(0.105)
            tally.stopping = True

    async def opened() -> None:
        await _open_loop(refused, tally, 2, 1.05)

    run_virtual(opened() if paced else closed())

    assert tally.failures == {"no": 11}
    assert len(tally.latencies) == 0


def test_what_was_warm_up_is_forgotten() -> None:
    tally = Tally(VirtualClock().stamp_ns)
    tally.latencies.append(1)

    tally.forget(7)

    assert (len(tally.latencies), tally.from_ns) == (0, 7)
