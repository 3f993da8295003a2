"""When a silent connection is asked for a sign of life, and when it is given up."""

from __future__ import annotations

import asyncio
from typing import Final

from storage.remote.http2.silence import ANSWER_S, LATE_S, SILENT_S, Silence
from storage.virtual_time import VirtualTimeLoop

HANG_S: Final = 2 * LATE_S


class HangingLoop(VirtualTimeLoop):
    """A loop whose clock may have gone on when a timer fires, as after it hung."""

    def __init__(self) -> None:
        super().__init__()
        self.hung_s = 0.0

    def time(self) -> float:
        return super().time() + self.hung_s


class World:
    """A connection that says nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.busy = True
        self.pings: list[float] = []
        self.fell: list[float] = []
        self.silence = Silence(
            loop,
            lambda: self.busy,
            lambda: self.pings.append(loop.time()),
            lambda: self.fell.append(loop.time()),
        )


def test_silence_is_asked_about_and_then_the_end() -> None:
    async def story() -> None:
        world = World(asyncio.get_running_loop())
        world.silence.watch()
        await asyncio.sleep(60.0)
        assert (world.pings, world.fell) == ([SILENT_S], [SILENT_S + ANSWER_S])

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(story())


def test_connection_without_calls_is_not_asked() -> None:
    async def story() -> None:
        world = World(asyncio.get_running_loop())
        world.silence.watch()
        world.busy = False
        await asyncio.sleep(60.0)
        assert (world.pings, world.fell) == ([], [])
        world.busy = True
        world.silence.watch()
        await asyncio.sleep(SILENT_S + 1.0)
        assert world.pings == [60.0 + SILENT_S]
        world.silence.stop()
        await asyncio.sleep(60.0)
        assert world.fell == []

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(story())


def test_loop_that_hung_itself_waits_for_the_answer_again() -> None:
    async def story(loop: HangingLoop) -> None:
        world = World(loop)
        world.silence.watch()
        await asyncio.sleep(SILENT_S + ANSWER_S - 1.0)
        assert len(world.pings) == 1
        loop.call_later(0.5, lambda: setattr(loop, "hung_s", HANG_S))
        await asyncio.sleep(2.0)
        assert world.fell == []
        await asyncio.sleep(ANSWER_S + 1.0)
        assert len(world.fell) == 1

    with asyncio.Runner(loop_factory=HangingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, HangingLoop)
        runner.run(story(loop))
