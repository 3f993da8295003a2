"""Values by row in a dict; what is compacted is let go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from storage.engine.backend import Recovered, Stored
from storage.engine.key_index import FIRST_REVISION, REVISION_MASK, KeyIndex, shared_row
from storage.mvcc import View
from storage.records import Change


class MemoryBackend:
    """A ``Backend`` that never blocks and never fails; each opening starts empty."""

    def __init__(self) -> None:
        self._values: dict[int, bytes] = {}
        self._leases: dict[int, int] = {}

    def open(self) -> Recovered:
        self._values, self._leases = {}, {}
        return Recovered(KeyIndex(), FIRST_REVISION, [], 0)

    def close(self) -> None:
        self._values, self._leases = {}, {}

    def value(self, row: int) -> Stored:
        return self._values[row], self._leases.get(row, 0)

    def values(self, rows: Sequence[int]) -> list[Stored]:
        values, lease_of = self._values, self._leases.get
        return [(values[row], lease_of(row, 0)) for row in rows]

    def view(self, rows: Sequence[int], use: Callable[[Iterator[View]], int]) -> int:
        return use(map(self.value, rows))

    def disk_bytes(self) -> int:
        return 0

    def commit(self, changes: Sequence[Change], _deadlines: Mapping[int, int]) -> None:
        values = self._values
        last = place = 0
        for change in changes:
            row = change.revision
            if row != last:
                last, place = row, 0
            else:
                place += 1
                row = shared_row(row, place)
            if change.value is not None:
                values[row] = change.value
                if change.lease:
                    self._leases[row] = change.lease

    def promise_compaction(self, _revision: int) -> None:
        return

    def keep_leases(self, _leases: Sequence[tuple[int, int]]) -> None:
        return

    def drop(self, rows: Sequence[int], _base: int) -> None:
        for row in rows:
            self._values.pop(row, None)
            self._leases.pop(row, None)

    def probe(self, applied: int) -> None:
        self.drop([row for row in self._values if row & REVISION_MASK > applied], applied)

    def recover(self, _error: Exception) -> bool:
        return False
