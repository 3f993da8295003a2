"""The virtual loop and clock: jumps, order, exact nanoseconds, being stuck, nothing outside."""

from __future__ import annotations

import asyncio
import math
import random
import socket
from datetime import timedelta
from typing import cast

import pytest

from storage.virtual_time import EPOCH, StuckError, VirtualClock, VirtualTimeLoop, run_virtual


def loop_of_test() -> VirtualTimeLoop:
    return cast("VirtualTimeLoop", asyncio.get_running_loop())


def test_clock_jumps_to_the_next_timer_and_stands_while_something_is_ready() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        assert (clock.stamp_ns(), clock.now()) == (0, EPOCH)

        for _ in range(1000):
            await asyncio.sleep(0)
        assert clock.stamp_ns() == 0

        await asyncio.sleep(30 * 86400)
        assert clock.stamp_ns() == 30 * 86400 * 10**9
        assert clock.now() == EPOCH + timedelta(days=30)

    run_virtual(scenario())


def test_timers_come_by_their_time_and_equal_times_in_the_order_of_setting() -> None:
    async def scenario(*, crowded: bool) -> list[int]:
        loop, order = loop_of_test(), list[int]()
        for number in range(100):
            loop.call_later(1 + number % 3, order.append, number)
            if crowded:
                loop.call_later(1 + number % 2, lambda: None)
                loop.call_later(0.5, lambda: None).cancel()
        await asyncio.sleep(5)
        return order

    expected = sorted(range(100), key=lambda number: (number % 3, number))
    assert run_virtual(scenario(crowded=False)) == expected
    assert run_virtual(scenario(crowded=True)) == expected


def test_sums_of_fractions_fire_at_their_nanosecond() -> None:
    async def scenario() -> None:
        clock, chance = VirtualClock(), random.Random(5)
        due_ns = 0
        for _ in range(2000):
            step_ns = chance.randrange(1, 20 * 10**9)
            due_ns += step_ns
            await asyncio.sleep(step_ns / 1e9)
            assert clock.stamp_ns() == due_ns

    run_virtual(scenario())


def test_timers_of_others_do_not_move_one_s_own_by_a_nanosecond() -> None:
    async def tick(clock: VirtualClock, seed: int) -> list[int]:
        chance, stamps = random.Random(seed), list[int]()
        for _ in range(200):
            await asyncio.sleep(chance.random() / 1e6)
            stamps.append(clock.stamp_ns())
        return stamps

    async def together() -> list[list[int]]:
        return await asyncio.gather(*(tick(VirtualClock(), seed) for seed in range(10)))

    alone = [run_virtual(tick(VirtualClock(), seed)) for seed in range(10)]

    assert run_virtual(together()) == alone


def test_waiting_again_for_a_time_that_has_not_quite_come_gets_there() -> None:
    async def scenario(begin: float) -> int:
        await asyncio.sleep(begin)
        loop, tries = loop_of_test(), 0
        due = math.nextafter(loop.time() + 7e-9, math.inf)
        while loop.time() < due:
            tries += 1
            fired = loop.create_future()
            loop.call_at(due, fired.set_result, None)
            await fired
        return tries

    for begin in (0.0, 1.0, 1e3 + 1e-9, 1e6, 4e6):
        assert run_virtual(scenario(begin)) <= 3


def test_stuck_tasks_raise_and_are_named() -> None:
    async def wait_for_nobody() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError, match=r"wait_for_nobody.* at .*test_virtual_time\.py"):
        run_virtual(wait_for_nobody())


def test_timeouts_and_cancelled_timers_are_no_reason_to_go_on() -> None:
    async def scenario() -> None:
        loop_of_test().call_later(60, lambda: None).cancel()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.Event().wait()
        assert loop_of_test().now_ns == 10 * 10**9
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        run_virtual(scenario())


def test_sockets_and_threads_are_refused() -> None:
    async def scenario() -> None:
        loop = loop_of_test()
        with pytest.raises(NotImplementedError):
            await asyncio.to_thread(int)
        with socket.socket() as unused:
            unused.setblocking(False)
            with pytest.raises(NotImplementedError):
                await loop.sock_recv(unused, 1)

    run_virtual(scenario())


def test_time_that_floats_cannot_tell_apart_is_refused() -> None:
    with pytest.raises(OverflowError):
        run_virtual(asyncio.sleep(50 * 86400))


def test_timer_on_a_closed_loop_is_refused() -> None:
    loop = VirtualTimeLoop()
    loop.close()

    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)
