"""Keys and values: whose keys are whose, and values that carry the stamp of their write."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Final

STAMP_DIGITS: Final = 19
VALUE_BYTES_MIN: Final = STAMP_DIGITS + 1
LETTERS: Final = (string.ascii_letters + string.digits).encode("ascii")
TEXT: Final = bytes(LETTERS[at % len(LETTERS)] for at in range(256))
"""Of any byte a letter or digit: what every store takes as it is, and no protocol has to quote."""


class Values:
    """Values of one length, no two alike; the first digits are the stamp of the write."""

    def __init__(self, length: int, chance: random.Random) -> None:
        self._tail = chance.randbytes(length - STAMP_DIGITS).translate(TEXT)

    def at(self, stamp_ns: int) -> bytes:
        """Return the value of a write that was due at ``stamp_ns`` (hot path)."""
        return b"%019d" % stamp_ns + self._tail


def stamp_of(value: bytes) -> int:
    """Return the stamp of a value. Raises ValueError for a value of somebody else."""
    return int(value[:STAMP_DIGITS])


def key_of(prefix: bytes, number: int) -> bytes:
    """Return a key; all are equally long."""
    return b"%s%08d" % (prefix, number)


class Held:
    """A key and the revision at which it is, as far as its caller knows."""

    __slots__ = ("key", "revision")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.revision = 0


def shares(held: Sequence[Held], callers: int, chance: random.Random) -> list[Iterator[Held]]:
    """Return the keys of each caller, for ever and in an order of chance; no key is two callers'.

    Where there are fewer keys than callers, callers share all keys: nothing may be judged then.
    """
    if len(held) < callers:
        return [cycle(chance.sample(held, len(held))) for _ in range(callers)]
    own = (held[at::callers] for at in range(callers))
    return [cycle(chance.sample(keys, len(keys))) for keys in own]
