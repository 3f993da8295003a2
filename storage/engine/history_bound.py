"""How far back a bounded history reaches: by count and by bytes. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from storage.records import Change

COUNT_STEP = 1000
"""A history is cut when it exceeds its count by this, not with every write."""

BYTES_SHARE = 16
"""It is cut when it exceeds its bytes by one part in this."""


class HistoryBound:
    """Keeps the sizes of the revisions after the compact one, and says where to cut."""

    def __init__(self, events: int, size_bytes: int, revision: int) -> None:
        self._events = events
        self._bytes_max = size_bytes
        self._compacted = revision
        self._sizes: deque[int] = deque()
        self._bytes = 0

    def note(self, changes: Sequence[Change]) -> None:
        """Take the next changes."""
        sizes = [len(change.key) + len(change.value or b"") for change in changes]
        self._bytes += sum(sizes)
        if changes and changes[-1].revision - changes[0].revision + 1 != len(changes):
            sizes = _by_revision(changes, sizes)
        self._sizes.extend(sizes)

    def compact_to(self, compacted: int) -> int:
        """Return up to where to forget: ``compacted``, or beyond where there is too much."""
        while self._compacted < compacted:
            self._forget_one()
        if (
            len(self._sizes) >= self._events + COUNT_STEP
            or self._bytes > self._bytes_max + self._bytes_max // BYTES_SHARE
        ):
            while len(self._sizes) > self._events or self._bytes > self._bytes_max:
                self._forget_one()
        return self._compacted

    def _forget_one(self) -> None:
        self._bytes -= self._sizes.popleft()
        self._compacted += 1


def _by_revision(changes: Sequence[Change], sizes: Sequence[int]) -> list[int]:
    """Return the sizes of the revisions, some of which are shared."""
    summed: dict[int, int] = {}
    for change, size in zip(changes, sizes, strict=True):
        summed[change.revision] = summed.get(change.revision, 0) + size
    return list(summed.values())
