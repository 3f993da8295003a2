from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

from cluster.apiserver.fanout.pacer import Pacer
from storage.virtual_time import VirtualClock, run_virtual


class WorkingClock:
    """Follows the loop; moves on by hand while a callback works."""

    def __init__(self) -> None:
        self.worked_ns = 0

    def stamp_ns(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e9) + self.worked_ns

    def now(self) -> datetime:
        return datetime.now(UTC)


def test_answers_of_a_turn_go_out_before_its_flush() -> None:
    async def main() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        pacer = Pacer(lambda: order.append("flush"), VirtualClock(), cap_s=0.05)
        durable: asyncio.Future[None] = loop.create_future()

        async def writer() -> None:
            await durable
            order.append("answer")

        def commit_done() -> None:  # as a store does: watchers first, then the futures
            pacer.request()
            durable.set_result(None)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(writer())
            loop.call_soon(commit_done)
        await asyncio.sleep(0.001)
        return order

    assert run_virtual(main()) == ["answer", "flush"]


def test_many_requests_make_one_flush() -> None:
    async def main() -> int:
        flushes: list[int] = []
        pacer = Pacer(lambda: flushes.append(1), VirtualClock(), cap_s=0.05)
        for _ in range(100):
            pacer.request()
        await asyncio.sleep(0.001)
        return len(flushes)

    assert run_virtual(main()) == 1


def flush_times(duration_s: float, cap_s: float, *, requests_every_s: float) -> list[float]:
    """Return when flushes began, relative to the first one, in 0.4 s of requests."""

    async def main() -> list[float]:
        clock = WorkingClock()
        began: list[float] = []

        def flush() -> None:
            began.append(clock.stamp_ns() / 1e9)
            clock.worked_ns += int(duration_s * 1e9)

        pacer = Pacer(flush, clock, cap_s=cap_s)
        loop = asyncio.get_running_loop()
        while loop.time() < 0.4:
            pacer.request()
            await asyncio.sleep(requests_every_s)
        return [round(at - began[0], 3) for at in began]

    return run_virtual(main())


def test_next_flush_waits_as_long_as_the_last_one_took() -> None:
    times = flush_times(0.02, 0.05, requests_every_s=0.001)

    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(0.039 <= gap <= 0.043 for gap in gaps)  # 20 ms of work, 20 ms of waiting


def test_waiting_is_capped() -> None:
    times = flush_times(0.2, 0.05, requests_every_s=0.001)

    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(0.249 <= gap <= 0.253 for gap in gaps)


def test_low_rates_are_not_delayed() -> None:
    times = flush_times(0.001, 0.05, requests_every_s=0.1)

    assert times == [0.0, 0.101, 0.202, 0.303]
