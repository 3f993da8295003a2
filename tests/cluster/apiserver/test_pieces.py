from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from cluster.apiserver.views.pieces import PIECE_BYTES, TURN_NS, Around, Turn, made, streamed


class Ticking:
    """A clock that goes on only when work is done."""

    def __init__(self) -> None:
        self.now_ns = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC)

    def stamp_ns(self) -> int:
        return self.now_ns


class Work:
    """Makes text of numbers, at a price, and notes which of them others have seen made."""

    def __init__(self, clock: Ticking, cost_ns: int) -> None:
        self._clock = clock
        self._cost_ns = cost_ns
        self.made = 0
        self.seen: list[int] = []

    def one(self, number: int) -> bytes:
        self._clock.now_ns += self._cost_ns
        self.made += 1
        return b"%d" % number

    def run(self, numbers: Sequence[int]) -> bytes:
        return b",".join([self.one(number) for number in numbers])

    async def look(self) -> None:
        while True:
            self.seen.append(self.made)
            await asyncio.sleep(0)


AROUND = Around(b"[", b",", b"]")


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 100])
@pytest.mark.parametrize("step", [1, 4])
def test_streamed_list_is_head_items_and_end(count: int, step: int) -> None:
    async def main() -> bytes:
        clock = Ticking()
        pieces = streamed(AROUND, range(count), Work(clock, 1).run, Turn(clock), step=step)
        return b"".join([piece async for piece in pieces])

    assert asyncio.run(main()) == b"[%b]" % b",".join(b"%d" % number for number in range(count))


def test_streamed_list_comes_in_pieces_and_holds_none_of_them() -> None:
    async def main() -> list[tuple[int, int]]:
        clock = Ticking()
        work = Work(clock, 0)

        def padded(numbers: Sequence[int]) -> bytes:
            return work.run(numbers).ljust(PIECE_BYTES // 4)

        pieces = streamed(AROUND, range(8), padded, Turn(clock), step=1)
        return [(len(piece), work.made) async for piece in pieces]

    found = asyncio.run(main())

    assert [made for _, made in found] == [4, 8, 8]
    assert all(size < PIECE_BYTES + 8 for size, _ in found)


@pytest.mark.parametrize("cost_ns", [1_000, 70_000, 3 * TURN_NS])
def test_list_lets_others_in_by_the_time_that_it_takes(cost_ns: int) -> None:
    async def main(work: Work, clock: Ticking, *, stream: bool) -> None:
        looking = asyncio.ensure_future(work.look())
        await asyncio.sleep(0)
        turn = Turn(clock)
        if stream:
            async for _ in streamed(AROUND, range(2000), work.run, turn, step=4):
                pass
        else:
            await made(range(2000), work.one, turn, step=4)
        looking.cancel()

    for stream in (True, False):
        clock = Ticking()
        work = Work(clock, cost_ns)
        asyncio.run(main(work, clock, stream=stream))

        between = [high - low for low, high in zip(work.seen, work.seen[1:], strict=False)]
        assert max(between) <= TURN_NS // cost_ns + 4
        assert len(between) >= min(2000 // 4, 2000 * cost_ns // TURN_NS // 4)
