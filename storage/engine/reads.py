"""Reads of applied state, newest or old. A long list reads page by page, a turn of the loop each.

A list holds a *pin* on its revision while it lasts: compaction does not remove what the state at
that revision needs, so a list that has begun ends, whatever is compacted meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Final

from storage.engine.backend import Backend
from storage.engine.key_index import KeyIndex, Point, Wrote, row_of
from storage.engine.range_reading import Picked, RangeReading
from storage.engine.ranges import (
    Found,
    at_hand,
    cut,
    enough,
    filled,
    in_one_order,
    needs_values,
    ordered,
    passing,
    select,
)
from storage.engine.spans import bounds_of
from storage.errors import CompactedError, FutureRevisionError
from storage.mvcc import Located, Ranged, RangeOp, Turn, View
from storage.records import Change, KeyValue, Listing

READ_PAGE = 500
"""Keys that a list reads in one turn of the loop: about 1 ms."""

SCAN_PAGE = 3000
"""Keys that a range looks at in one turn, values aside: about 1 ms."""

SCAN_LEAST = 100
"""And at least at once, however few are wanted yet: deleted ones may stand between."""

HISTORY_PAGE = 500
"""Changes that a replay reads in one turn of the loop, each with the value before: about 1 ms.

A revision's changes are never torn apart, so one that is shared by more goes beyond it."""

HISTORY_SCAN = 5000
"""Revisions that it looks at in one turn to find them: about 0.5 ms when none matches."""

_new: Final = tuple.__new__
"""A named tuple's own constructor is a function of Python's: 0.3 us against 0.1, where a get costs
2 us, and a list 1.2 a key."""


class Pins:
    """The revisions that running lists read at."""

    def __init__(self) -> None:
        self.released: Callable[[], None] | None = None
        """Told when the lowest pin may have moved."""
        self._count: Counter[int] = Counter()

    def lowest(self, default: int) -> int:
        """Return the lowest pinned revision, or ``default``."""
        return min(self._count, default=default)

    def pin(self, revision: int) -> None:
        """Hold the state at ``revision``."""
        self._count[revision] += 1

    def release(self, revision: int) -> None:
        """Undo one ``pin``."""
        self._count[revision] -= 1
        if not self._count[revision]:
            del self._count[revision]
            if self.released is not None:
                self.released()


class Reader:
    """Reads a backend's values through the key index."""

    def __init__(
        self, index: KeyIndex, backend: Backend, pins: Pins, compacted: Callable[[], int]
    ) -> None:
        self._index = index
        self._backend = backend
        self._pins = pins
        self._compacted = compacted

    def get(self, key: bytes, revision: int) -> KeyValue | None:
        """Return a key's state as of ``revision`` (0: newest)."""
        if revision:
            self._check(revision)
            point = self._index.at(key, revision)
        else:
            point = self._index.newest(key)
        if point is None or not point[2]:
            return None
        # As ``row_of`` says; a call is 3 % of what a get costs.
        value, lease = self._backend.value(point[0] if len(point) == 3 else point[3])
        return _new(KeyValue, (key, value, point[0], point[1], point[2], lease))

    async def collect(self, prefix: bytes, limit: int, after: bytes, revision: int) -> Listing:
        """Return a page of ``limit`` keys, or all, as of ``revision`` (0: newest)."""
        if revision:
            self._check(revision)
        else:
            revision = self._index.last
        items: list[KeyValue] = []
        self._pins.pin(revision)
        try:
            while True:
                size = min(limit - len(items), READ_PAGE) if limit else READ_PAGE
                page = self._page(prefix, after, size, revision)
                items += page
                if len(page) < size:
                    return Listing(items, revision, 0)
                after = page[-1].key
                if len(items) == limit:
                    return Listing(items, revision, self._index.count_at(prefix, after, revision))
                await asyncio.sleep(0)
        finally:
            self._pins.release(revision)

    def history(self, prefix: bytes, after: int, upto: int) -> tuple[int, list[Change]]:
        """Return how far it came, and the kept changes after ``after`` under ``prefix``.

        In revision order; one piece of ``(after, upto]``: at most HISTORY_SCAN revisions are looked
        at, and HISTORY_PAGE of them read, in one transaction.
        """
        upto = min(upto, after + HISTORY_SCAN)
        found: list[Wrote] = []
        wrote = self._index.wrote
        for revision, logged in self._index.writes(after, upto):
            if isinstance(logged, bytes):
                if not logged.startswith(prefix):
                    continue
                found += wrote(revision)
            else:
                found += [each for each in wrote(revision) if each[0].startswith(prefix)]
            if len(found) >= HISTORY_PAGE:
                upto = revision
                break
        return upto, self._changes(found)

    async def range(self, op: RangeOp) -> tuple[Ranged, int]:
        """Return what is found, and the last applied revision."""
        kvs: list[KeyValue] = []

        def take(states: Iterable[tuple[Located, View]]) -> int:
            before = len(kvs)
            for (key, point, _), (value, lease) in states:
                kvs.append(_new(KeyValue, (key, bytes(value), point[0], point[1], point[2], lease)))
            return len(kvs) - before

        with await self.reading(op, _next_turn) as reading:
            reading.take(take)
            while reading.left:
                await _next_turn()
                reading.take(take)
            return Ranged(kvs, reading.more, reading.total), reading.revision

    async def reading(self, op: RangeOp, turn: Turn) -> RangeReading:
        """As ``Mvcc.reading``."""
        current = self._index.last
        if not op.span.end:
            return RangeReading(self._single(op), current, self._backend, _nothing)
        if op.revision:
            self._check(op.revision)
        revision = op.revision or current
        if op.count_only:
            counted = Picked([], self._index.count_between_at(*bounds_of(op.span), revision))
            return RangeReading(counted, current, self._backend, _nothing)
        self._pins.pin(revision)
        release = partial(self._pins.release, revision)
        try:
            picked = await self._picked(op, revision, turn)
        except BaseException:
            release()
            raise
        return RangeReading(picked, current, self._backend, release)

    def _single(self, op: RangeOp) -> Picked:
        state = self.get(op.span.key, op.revision)
        if state is None or op.count_only:
            return Picked([], int(state is not None))
        return Picked(select(at_hand([state]), op)[0], 1, keys_only=op.keys_only)

    async def _picked(self, op: RangeOp, revision: int, turn: Turn) -> Picked:
        """Return what is answered, as of ``revision``; all that grows with the keys is in turns."""
        found, total = await self._scan(op, revision, turn)
        if total and total == enough(op):
            total = self._index.count_between_at(*bounds_of(op.span), revision)
        in_order = await self._valued(op, found, turn) if needs_values(op) else ordered(found, op)
        answered, more = cut(in_order, op)
        return Picked(answered, total, more, op.keys_only)

    async def _scan(self, op: RangeOp, revision: int, turn: Turn) -> tuple[list[Found], int]:
        """Return what passes the filters, each page of it in order, and how many were live."""
        low, high = bounds_of(op.span)
        suffices, values_first = enough(op), needs_values(op)
        found: list[Found] = []
        total = looked = 0
        while True:
            size = min(SCAN_PAGE, max(suffices - total, SCAN_LEAST)) if suffices else SCAN_PAGE
            keys = list(islice(self._index.keys_between(low, high), size))
            page: list[Found] = [*self._index.located(keys, revision)]
            if suffices:
                page = page[: suffices - total]
            total += len(page)
            page = passing(page, op)
            found += page if values_first else ordered(page, op)
            if len(keys) < size or (suffices and total == suffices):
                return found, total
            low = keys[-1] + b"\0"
            looked += size
            if looked >= SCAN_PAGE:
                looked = 0
                await turn()

    async def _valued(self, op: RangeOp, found: list[Found], turn: Turn) -> list[Found]:
        """Return what was found with the states at hand, in the order of the answer."""
        runs: list[list[Found]] = []
        for start in range(0, len(found), READ_PAGE):
            page = found[start : start + READ_PAGE]
            runs.append(ordered(at_hand(filled(page, self._backend.values)), op))
            if len(found) > READ_PAGE:
                await turn()
        # Values are far apart in memory: sorting 60,000 takes 25 ms, where numbers take 5.
        merged, valued = in_one_order(runs, op), list[Found]()
        while page := list(islice(merged, READ_PAGE)):
            valued += page
            if len(valued) < len(found):
                await turn()
        return valued

    def _changes(self, found: list[Wrote]) -> list[Change]:
        wanted = [
            row_of(point)
            for _, written, past in found
            for point in (written, past)
            if point is not None and point[2]
        ]
        values = iter(self._backend.values(wanted))
        changes: list[Change] = []
        for key, point, past in found:
            value, lease = next(values) if point[2] else (None, 0)
            previous = None
            if past is not None:
                before, held = next(values)
                previous = KeyValue(key, before, past[0], past[1], past[2], held)
            changes.append(Change(key, value, point[0], point[1], previous, point[2], lease))
        return changes

    def _page(self, prefix: bytes, after: bytes, size: int, revision: int) -> list[KeyValue]:
        at = self._index.at
        found: list[tuple[bytes, Point]] = []
        for key in self._index.keys_from(prefix, after):
            point = at(key, revision)
            if point is not None:
                found.append((key, point))
                if len(found) == size:
                    break
        # As ``ranges.filled``, for pages of which nothing is at hand.
        stored = self._backend.values([row_of(point) for _, point in found])
        return [
            _new(KeyValue, (key, value, point[0], point[1], point[2], lease))
            for (key, point), (value, lease) in zip(found, stored, strict=True)
        ]

    def _check(self, revision: int) -> None:
        if revision > self._index.last:
            raise FutureRevisionError(revision, self._index.last)
        if revision < self._compacted():
            raise CompactedError(revision, self._compacted())


async def _next_turn() -> None:
    await asyncio.sleep(0)


def _nothing() -> None:
    return
