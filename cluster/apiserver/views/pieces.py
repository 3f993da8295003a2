"""Lists on their way out: in pieces, with others let in between, nothing of them held whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from storage.clock import Clock

T = TypeVar("T")

PIECE_BYTES: Final = 128 * 1024
TURN_NS: Final = 500_000
"""How long a list may hold the loop: a GET beside it takes two or three turns. By time, since an
object costs 0.2 us or 100, by its kind and by whether it is cached."""


class Turn:
    """The present turn of the loop, as far as a list has used it up."""

    __slots__ = ("_began_ns", "_clock")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_ns = clock.stamp_ns()

    @property
    def over(self) -> bool:
        """Whether it is time to let others in."""
        return self._clock.stamp_ns() - self._began_ns >= TURN_NS

    async def next(self) -> None:
        """Let others in."""
        await asyncio.sleep(0)
        self._began_ns = self._clock.stamp_ns()


class Around(NamedTuple):
    """What stands around the items of a list."""

    head: bytes
    separator: bytes
    end: bytes


async def streamed(
    around: Around,
    things: Sequence[T],
    make: Callable[[Sequence[T]], bytes],
    turn: Turn,
    *,
    step: int,
) -> AsyncIterator[bytes]:
    """Yield a list in pieces of about 128 KiB; ``make`` makes the text of ``step`` things."""
    held = [around.head]
    size = 0
    for start in range(0, len(things), step):
        if start:
            held.append(around.separator)
        held.append(make(things[start : start + step]))
        size += len(held[-1])
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held.clear()
            size = 0
        if turn.over:
            await turn.next()
    held.append(around.end)
    yield b"".join(held)


async def made(
    things: Sequence[T], make: Callable[[T], bytes], turn: Turn, *, step: int
) -> list[bytes]:
    """Return what ``make`` makes of each thing, with others let in between."""
    items: list[bytes] = []
    for start in range(0, len(things), step):
        items += [make(thing) for thing in things[start : start + step]]
        if turn.over:
            await turn.next()
    return items
