"""The operations on single keys: what a caller does again and again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.storebench.callers import Operation
from bench.storebench.drivers.interface import Driver, DriverError
from bench.storebench.workload import Held, Values


class Written:
    """How many writes were answered, and, where somebody asks for it, in which order."""

    def __init__(self) -> None:
        self.count = 0
        self.stamps: dict[int, int] | None = None
        """By revision; only with watches, which are held against it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What one caller has: a way to the store, keys of its own, values, and chance."""

    driver: Driver
    keys: Iterator[Held]
    values: Values
    chance: random.Random
    written: Written
    read_share: float = 0.8


def putting(caller: Caller) -> Operation:
    """Write keys, whatever they hold."""
    put, keys, value = caller.driver.put, caller.keys, caller.values.at
    written = caller.written

    async def operation(stamp_ns: int) -> None:
        await put(next(keys).key, value(stamp_ns))
        written.count += 1

    return operation


def swapping(caller: Caller) -> Operation:
    """Write keys at the revision that they have, as Kubernetes writes everything."""
    swap, keys, value = caller.driver.swap, caller.keys, caller.values.at
    written = caller.written

    async def operation(stamp_ns: int) -> None:
        held = next(keys)
        held.revision = await swap(held.key, value(stamp_ns), held.revision)
        written.count += 1
        if written.stamps is not None:
            written.stamps[held.revision] = stamp_ns

    return operation


def ranging(caller: Caller) -> Operation:
    """Read single keys."""
    get, keys = caller.driver.get, caller.keys

    async def operation(_stamp_ns: int) -> None:
        if not await get(next(keys).key):
            raise DriverError("a key that was written is not there")

    return operation


def mixing(caller: Caller) -> Operation:
    """Read, or write as ``swapping`` does: chance decides."""
    reading, writing = ranging(caller), swapping(caller)
    draw, share = caller.chance.random, caller.read_share

    async def operation(stamp_ns: int) -> None:
        await (reading if draw() < share else writing)(stamp_ns)

    return operation


OPERATIONS: Final[dict[str, Callable[[Caller], Operation]]] = {
    "put": putting,
    "txn": swapping,
    "range": ranging,
    "mixed": mixing,
}
JUDGED: Final = frozenset({"txn", "mixed"})
"""They need at least a key a caller."""
READING: Final = frozenset({"range", "mixed"})
WATCH: Final = "watch"
IDLE: Final = "idle-watches"
"""Operations that are measured in ways of their own."""
NAMES: Final = (*OPERATIONS, WATCH, IDLE)
