"""Turns: in their order, one in a turn of the loop, whatever becomes of those who wait."""

from __future__ import annotations

import asyncio

from storage.serve.http2.turns import Turns


def test_everyone_has_a_slice_in_turn_and_one_turn_of_the_loop_has_one() -> None:
    async def run() -> None:
        turns, done = Turns(), [0, 0, 0]

        async def work(worker: int, slices: int) -> None:
            for _ in range(slices):
                await turns.mine()
                done[worker] += 1

        tasks = [asyncio.ensure_future(work(at, slices)) for at, slices in enumerate((100, 2, 100))]
        steps: list[int] = []
        while not all(task.done() for task in tasks):
            before = sum(done)
            await asyncio.sleep(0)
            steps.append(sum(done) - before)
            if done[1] < 2:
                assert max(done) - min(done) <= 1
        assert done == [100, 2, 100]
        assert max(steps) == 1

    asyncio.run(run())


def test_one_who_waits_no_more_and_one_who_fails_hold_up_nobody() -> None:
    async def run() -> None:
        turns, failures = Turns(), list[object]()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: failures.append(context["exception"]))
        gone, waiting = (asyncio.ensure_future(turns.mine()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        turns.take(lambda: 1 // 0)
        last = asyncio.ensure_future(turns.mine())
        await asyncio.wait_for(asyncio.gather(waiting, last), 20)

        assert gone.cancelled()
        assert [type(each) for each in failures] == [ZeroDivisionError]

    asyncio.run(run())
