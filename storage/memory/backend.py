"""Values by revision in a dict; what is compacted is let go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from storage.engine.backend import Recovered
from storage.engine.key_index import FIRST_REVISION, KeyIndex
from storage.records import Change


class MemoryBackend:
    """A ``Backend`` that never blocks and never fails; each opening starts empty."""

    def __init__(self) -> None:
        self._values: dict[int, bytes] = {}

    def open(self) -> Recovered:
        self._values = {}
        return Recovered(KeyIndex(), FIRST_REVISION, [], 0)

    def close(self) -> None:
        self._values = {}

    def value(self, revision: int) -> bytes:
        return self._values[revision]

    def values(self, revisions: Sequence[int]) -> list[bytes]:
        values = self._values
        return [values[revision] for revision in revisions]

    def disk_bytes(self) -> int:
        return 0

    def commit(self, changes: Sequence[Change], _deadlines: Mapping[int, int]) -> None:
        values = self._values
        for change in changes:
            if change.value is not None:
                values[change.revision] = change.value

    def promise_compaction(self, _revision: int) -> None:
        return

    def keep_leases(self, _leases: Sequence[tuple[int, int]]) -> None:
        return

    def drop(self, revisions: Sequence[int], _base: int) -> None:
        for revision in revisions:
            self._values.pop(revision, None)

    def probe(self, applied: int) -> None:
        for revision in [revision for revision in self._values if revision > applied]:
            del self._values[revision]

    def recover(self, _error: Exception) -> bool:
        return False
