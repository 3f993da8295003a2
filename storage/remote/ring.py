"""What a feed has told last, kept so that a watch which begins a little back is told it again."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import islice
from typing import Final

from storage.engine.reads import HISTORY_PAGE
from storage.errors import StoreError
from storage.records import Change

RING_MAX: Final = 8192
RING_BYTES_MAX: Final = 16 << 20
"""Recent changes that are kept here: a watch that begins after a list finds all that it needs."""


class OutrunError(StoreError):
    """Recent history no longer goes back to where a watch has come: etcd's own does."""


class Ring:
    """The newest changes, complete above ``floor``."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self._changes: deque[Change] = deque()
        self._bytes = 0

    def extend(self, changes: list[Change]) -> None:
        """Add the changes of whole revisions."""
        kept = self._changes
        kept.extend(changes)
        self._bytes += sum(map(_weight, changes))
        while len(kept) > RING_MAX or self._bytes > RING_BYTES_MAX:
            self.floor = kept[0].revision
            while kept and kept[0].revision == self.floor:
                self._bytes -= _weight(kept.popleft())

    def clear(self, floor: int) -> None:
        """Forget everything up to ``floor``."""
        self._changes.clear()
        self._bytes = 0
        self.floor = floor

    def page(self, prefix: bytes, after: int, upto: int) -> tuple[int, list[Change]]:
        """Return how far this piece goes, and its changes under ``prefix`` (see ``WatchHub``).

        Raises OutrunError.
        """
        if after < self.floor:
            raise OutrunError(f"{after} is forgotten; the oldest remembered is {self.floor}")
        kept = self._changes
        found: list[Change] = []
        for change in islice(kept, bisect_right(kept, after, key=_revision), None):
            if len(found) >= HISTORY_PAGE and change.revision > found[-1].revision:
                return found[-1].revision, found
            if change.key.startswith(prefix):
                found.append(change)
        return upto, found


def _revision(change: Change) -> int:
    return change.revision


def _weight(change: Change) -> int:
    """Return what a change holds: the value before it has come over the wire anew."""
    _key, value, _revision, _created, previous, _version, _lease = change
    return len(value or b"") + (len(previous.value) if previous is not None else 0)
