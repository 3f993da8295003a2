"""Reads of applied state, newest or old. A long list reads page by page, a turn of the loop each.

A list holds a *pin* on its revision while it lasts: compaction does not remove what the state at
that revision needs, so a list that has begun ends, whatever is compacted meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from storage.engine.backend import Backend
from storage.engine.key_index import KeyIndex, Point
from storage.errors import CompactedError, FutureRevisionError
from storage.records import Change, KeyValue, Listing

READ_PAGE = 500
"""Keys that a list reads in one turn of the loop: about 1 ms."""

HISTORY_PAGE = 500
"""Changes that a replay reads in one turn of the loop, each with the value before: about 1 ms."""

HISTORY_SCAN = 5000
"""Revisions that it looks at in one turn to find them: about 0.5 ms when none matches."""


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
        return KeyValue(key, self._backend.value(point[0]), *point)

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
        found: list[tuple[bytes, Point, Point | None]] = []
        wrote = self._index.wrote
        for revision, key in self._index.writes(after, upto):
            if key.startswith(prefix):
                found.append(wrote(revision))
                if len(found) == HISTORY_PAGE:
                    upto = revision
                    break
        return upto, self._changes(found)

    def _changes(self, found: list[tuple[bytes, Point, Point | None]]) -> list[Change]:
        wanted = [
            point[0]
            for _, written, past in found
            for point in (written, past)
            if point is not None and point[2]
        ]
        values = iter(self._backend.values(wanted))
        changes: list[Change] = []
        for key, point, past in found:
            written = next(values) if point[2] else None
            previous = None if past is None else KeyValue(key, next(values), *past)
            changes.append(Change(key, written, point[0], point[1], previous, point[2]))
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
        values = self._backend.values([point[0] for _, point in found])
        return [
            KeyValue(key, value, *point) for (key, point), value in zip(found, values, strict=True)
        ]

    def _check(self, revision: int) -> None:
        if revision > self._index.last:
            raise FutureRevisionError(revision, self._index.last)
        if revision < self._compacted():
            raise CompactedError(revision, self._compacted())
