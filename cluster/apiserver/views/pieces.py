"""Lists on their way out: in pieces, with others let in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

from storage.watchcache.objects import CachedObject

PIECE_BYTES: Final = 128 * 1024


async def gathered(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield bytes in pieces of about 128 KiB."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(held)
            held.clear()
            size = 0
            await asyncio.sleep(0)
    if held:
        yield b"".join(held)


async def made(
    objects: Sequence[CachedObject], make: Callable[[CachedObject], bytes], step: int
) -> list[bytes]:
    """Return what ``make`` makes of each object, ``step`` of them between two awaits."""
    items: list[bytes] = []
    for start in range(0, len(objects), step):
        items += [make(obj) for obj in objects[start : start + step]]
        if start:
            await asyncio.sleep(0)
    return items
