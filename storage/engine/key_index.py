"""The key index: which revisions of which keys exist, in memory, sorted by key. Pure.

How it works. Every write is a *point* of its key: ``(revision, create_revision, version)``, with
version 0 for a delete (a tombstone). The newest point of each key stands in one dict, older ones
in another (most keys have none). The log says which key each revision wrote, so history and
compaction never scan the keys. Values live elsewhere, in *rows*: the first write of a revision has
the row of that number. A transaction's writes share one revision; each beyond the first has a row
of its own (``shared_row``), which its point then carries as a fourth element, and the log holds
the list of their keys. A key may be written twice within one revision (made, then deleted).

Worked example; ``a@2`` is the point of key a at revision 2, ``!`` marks a tombstone::

    write                 newest          older            log (first = 2)
    create a, revision 2  a@2             -                a
    update a, revision 3  a@3             a: @2            a a
    create b, revision 4  a@3 b@4         a: @2            a a b
    delete a, revision 5  a@5! b@4        a: @2 @3         a a b a
    create a, revision 6  a@6 b@4         a: @2 @3 @5!     a a b a a

    at(a, 3) = a@3        at(a, 5) = None (deleted)        at(b, 3) = None (not yet made)

    compaction at 3: superseded(3) = [2]        older a: @3 @5!    log (first = 4): b a a
    compaction at 5: superseded(5) = [3, 5]     older: -           log (first = 6): a

A point goes when something at or before the compact revision superseded it, a tombstone when it
lies at or before it: so the state *at* the compact revision stays whole, and so does every change
after it, with the value it replaced.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from sortedcontainers import SortedList

Point = tuple[int, int, int] | tuple[int, int, int, int]
"""(revision, create_revision, version), and the row where it is not that of the revision. A plain
tuple: made on every write, and unlike a NamedTuple the collector stops tracking it, which counts at
60,000 keys."""

Wrote = tuple[bytes, Point, Point | None]
"""A key that a revision wrote, its point, and the live point that this replaced."""

REVISION_BITS = 64
REVISION_MASK = (1 << REVISION_BITS) - 1
"""Of a row's number: what is above is its place among the writes of a shared revision."""

FIRST_REVISION = 1
"""The revision of a new, empty store."""


def shared_row(revision: int, place: int) -> int:
    """Return the number of the row of a revision's write at ``place``, counted from 0."""
    return place << REVISION_BITS | revision


def row_of(point: Point) -> int:
    """Return the number of the row that holds a point's value."""
    return point[3] if len(point) == 4 else point[0]


def prefix_end(prefix: bytes) -> bytes | None:
    """Return the first key after all keys that start with ``prefix``; None: there is no such."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


class KeyIndex:
    """Points by key and by revision. The newest revision is ``last``, the compacted ``first-1``."""

    def __init__(self, revision: int = FIRST_REVISION) -> None:
        self._newest: dict[bytes, Point] = {}
        self._older: dict[bytes, list[Point]] = {}
        self._keys: SortedList[bytes] = SortedList()
        self._dead: SortedList[bytes] = SortedList()
        self._log: list[bytes | list[bytes]] = []
        self._flips = array("Q")
        """The logged revisions that made a key (twice the revision) or deleted one (plus 1); a
        shared one stands here once, for whatever it did."""
        self._base = revision
        """The revision before the first of the log: where compaction has come to."""

    @classmethod
    def restore(cls, points: Iterable[tuple[bytes, Point]], compacted: int) -> KeyIndex:
        """Build the index from all kept points in revision order, after a restart.

        Raises ValueError where a revision above the compacted one is missing.
        """
        index = cls(compacted)
        newest, older, log = index._newest, index._older, index._log
        for key, point in points:
            past = newest.get(key)
            if past is not None:
                older.setdefault(key, []).append(past)
            newest[key] = point
            if point[0] > compacted:
                if len(point) == 4:
                    index._share(key, point)
                else:
                    log.append(key)
                index._note_flip(past, point)
                if compacted + len(log) != point[0]:
                    raise ValueError(f"revision {compacted + len(log)} is missing")
        index._keys.update(newest)
        index._dead.update(key for key, point in newest.items() if not point[2])
        return index

    @property
    def last(self) -> int:
        """The newest revision."""
        return self._base + len(self._log)

    @property
    def base(self) -> int:
        """The revision that compaction has come to: history starts after it."""
        return self._base

    def __len__(self) -> int:
        """Return the number of live keys."""
        return len(self._keys) - len(self._dead)

    def newest(self, key: bytes) -> Point | None:
        """Return the key's newest point, a tombstone included."""
        return self._newest.get(key)

    def put(self, key: bytes, point: Point) -> None:
        """Add the point of the next revision; version 0 says that it deletes the key.

        A point with a row of its own is one more write of the newest revision.
        """
        shared = len(point) == 4
        assert point[0] == self._base + len(self._log) + (not shared), "revisions go up one by one"
        past = self._newest.get(key)
        if past is None:
            self._keys.add(key)
        else:
            if not past[2]:
                self._dead.remove(key)
            older = self._older.get(key)
            if older is None:
                self._older[key] = [past]
            else:
                older.append(past)
            if past[0] > self._base:
                # The same key as an object: at 90 bytes each, a third of what a revision takes.
                logged = self._log[past[0] - self._base - 1]
                if isinstance(logged, bytes):
                    key = logged
        if not point[2]:
            self._dead.add(key)
        self._newest[key] = point
        if shared:
            self._share(key, point)
        else:
            self._log.append(key)
        self._note_flip(past, point)

    def at(self, key: bytes, revision: int) -> Point | None:
        """Return the key's point as of ``revision``; None where it was not live then."""
        point = self._newest.get(key)
        if point is not None and point[0] > revision:
            older = self._older.get(key, ())
            place = bisect_right(older, (revision + 1,))
            point = older[place - 1] if place else None
        return point if point is not None and point[2] else None

    def located(self, keys: Iterable[bytes], revision: int) -> list[tuple[bytes, Point, None]]:
        """Return those of the known keys that were live at ``revision``, and their points then.

        Three things each, as a range is found (``ranges.Found``).
        """
        newest = self._newest
        found: list[tuple[bytes, Point, None]] = []
        for key in keys:
            point = newest[key]
            if point[0] <= revision:
                if point[2]:
                    found.append((key, point, None))
            elif (then := self.at(key, revision)) is not None:
                found.append((key, then, None))
        return found

    def kept(self, key: bytes, base: int, upto: int) -> list[Point]:
        """Return a key's point as of ``base``, if it was live, and those after it to ``upto``."""
        points = [*self._older.get(key, ()), self._newest[key]]
        first = self.at(key, base)
        after = points[bisect_right(points, (base + 1,)) : bisect_right(points, (upto + 1,))]
        return after if first is None else [first, *after]

    def wrote(self, revision: int) -> list[Wrote]:
        """Return what a kept revision wrote, in the order of its writes."""
        logged = self._log[revision - self._base - 1]
        if isinstance(logged, bytes):
            return [self._written(logged, revision, 0)]
        seen: dict[bytes, int] = {}
        found: list[Wrote] = []
        for key in logged:
            time = seen.get(key, 0)
            seen[key] = time + 1
            found.append(self._written(key, revision, time))
        return found

    def writes(self, after: int, upto: int) -> Iterator[tuple[int, bytes | list[bytes]]]:
        """Yield (revision, key, or the list of keys) of the kept revisions in ``(after, upto]``."""
        # A copy: to skip there, as islice does, costs 2 ms with 450,000 revisions before it.
        assert after >= self._base, "that far back nothing is kept"
        return enumerate(self._log[after - self._base : upto - self._base], after + 1)

    def keys_from(self, prefix: bytes, after: bytes) -> Iterator[bytes]:
        """Yield the keys under ``prefix`` that come after ``after``, live or not, in order.

        The index must not change while the iterator is in use.
        """
        low, inclusive = (after, False) if after and after >= prefix else (prefix, True)
        return iter(self._keys.irange(low, prefix_end(prefix), inclusive=(inclusive, False)))

    def keys_between(self, low: bytes, high: bytes | None) -> Iterator[bytes]:
        """Yield the keys from ``low`` on and before ``high`` (None: all), as ``keys_from`` does."""
        return iter(self._keys.irange(low, high, inclusive=(True, False)))

    def count(self, prefix: bytes, after: bytes = b"") -> int:
        """Return how many live keys stand under ``prefix``, beyond ``after`` if that is given."""
        return self.count_between(*_bounds(prefix, after))

    def count_at(self, prefix: bytes, after: bytes, revision: int) -> int:
        """Return what ``count`` would have returned at ``revision``, as ``count_between_at``."""
        return self.count_between_at(*_bounds(prefix, after), revision)

    def count_between(self, low: bytes, high: bytes | None) -> int:
        """Return how many live keys stand from ``low`` on and before ``high`` (None: all)."""
        return _between(self._keys, low, high) - _between(self._dead, low, high)

    def count_between_at(self, low: bytes, high: bytes | None, revision: int) -> int:
        """Return what ``count_between`` would have returned at ``revision``.

        Costs in proportion to the keys made and deleted since then, not to the number of keys.
        """
        total = self.count_between(low, high)
        log, base = self._log, self._base
        for flip in self._flips[bisect_left(self._flips, 2 * revision + 2) :]:
            logged = log[(flip >> 1) - base - 1]
            if isinstance(logged, bytes):
                if low <= logged and (high is None or logged < high):
                    total += 1 if flip & 1 else -1
                continue
            for key in dict.fromkeys(logged):
                if low <= key and (high is None or key < high):
                    total += self._lived(key, (flip >> 1) - 1) - self._lived(key, flip >> 1)
        return total

    def superseded(self, upto: int) -> list[int]:
        """Return the rows that a compaction at ``upto`` makes unreachable."""
        gone: list[int] = []
        for revision, logged in self.writes(self._base, upto):
            if not isinstance(logged, bytes):
                for _, point, past in self.wrote(revision):
                    gone += _made_unreachable(point, past)
                continue
            older = self._older.get(logged, ())
            point = self._newest[logged]
            place = len(older)
            if point[0] != revision:
                place = bisect_left(older, (revision,))
                point = older[place]
            if place and older[place - 1][2]:
                gone.append(row_of(older[place - 1]))
            if not point[2]:
                gone.append(revision)
        return gone

    def compact(self, upto: int) -> None:
        """Forget the points that ``superseded(upto)`` named."""
        gone = self._log[: upto - self._base]
        written = {key for key in gone if isinstance(key, bytes)}
        written.update(key for keys in gone if isinstance(keys, list) for key in keys)
        for key in written:
            self._trim(key, upto)
        del self._log[: upto - self._base]
        del self._flips[: bisect_left(self._flips, 2 * upto + 2)]
        self._base = upto

    def _share(self, key: bytes, point: Point) -> None:
        """Add a key to those that the newest revision wrote. Raises ValueError out of order."""
        logged = self._log[-1] if self._log else []
        keys = [logged] if isinstance(logged, bytes) else logged
        assert isinstance(keys, list)
        if row_of(point) != shared_row(self.last, len(keys)):
            raise ValueError(f"a write of revision {point[0]} is missing")
        keys.append(key)
        self._log[-1] = keys

    def _written(self, key: bytes, revision: int, time: int) -> Wrote:
        """Return what a revision did when it wrote a key, the first time or a later one."""
        point = self._newest[key]
        older: Sequence[Point] = self._older.get(key, ())
        place = len(older)
        if time or point[0] != revision or (place and older[-1][0] == revision):
            place = bisect_left(older, (revision,)) + time
            if place < len(older):
                point = older[place]
        past = older[place - 1] if place else None
        return key, point, past if past is not None and past[2] else None

    def _lived(self, key: bytes, revision: int) -> bool:
        return self.at(key, revision) is not None

    def _note_flip(self, past: Point | None, point: Point) -> None:
        if not point[2]:
            flip = 2 * point[0] + 1
        elif past is None or not past[2]:
            flip = 2 * point[0]
        else:
            return
        if len(point) == 3 or not self._flips or self._flips[-1] >> 1 != point[0]:
            self._flips.append(flip)

    def _trim(self, key: bytes, upto: int) -> None:
        point = self._newest[key]
        if point[0] <= upto:
            self._older.pop(key, None)
            if not point[2]:
                del self._newest[key]
                self._keys.remove(key)
                self._dead.remove(key)
            return
        older = self._older[key]
        place = bisect_right(older, (upto + 1,)) - 1
        if not older[place][2]:
            place += 1
        del older[:place]
        if not older:
            del self._older[key]


def _made_unreachable(point: Point, past: Point | None) -> list[int]:
    """Return the rows that a write leaves behind once it is compacted."""
    gone = [] if past is None else [row_of(past)]
    return gone if point[2] else [*gone, row_of(point)]


def _bounds(prefix: bytes, after: bytes) -> tuple[bytes, bytes | None]:
    """Return where the keys under a prefix begin that come after ``after``, and where they end."""
    return after + b"\0" if after and after >= prefix else prefix, prefix_end(prefix)


def _between(keys: SortedList[bytes], low: bytes, high: bytes | None) -> int:
    end = len(keys) if high is None else keys.bisect_left(high)
    return max(0, end - keys.bisect_left(low))
