"""How many keys a key space holds, and how many bytes: counted once, then kept up to date.

etcd 2 tells neither. A listing counts them as of its index; from there on each change that the feed
tells adds or takes away what it says, for etcd tells the value before with each.
"""

from __future__ import annotations

from collections.abc import Iterable

from storage.records import Change, KeyValue


class Sizes:
    """Keys and bytes as of what the feed has told; ``known`` once they have been counted."""

    def __init__(self) -> None:
        self.known = False
        self.keys = 0
        self.logical_bytes = 0
        self._counted_at = 0

    def forget(self) -> None:
        """Know nothing: changes were missed."""
        self.known = False

    def count(self, items: Iterable[KeyValue], revision: int, since: Iterable[Change]) -> None:
        """Take a listing as of ``revision``, and what the feed has told after it."""
        self.keys = self.logical_bytes = 0
        for item in items:
            self.keys += 1
            self.logical_bytes += len(item.key) + len(item.value)
        self.known, self._counted_at = True, revision
        self.take(since)

    def take(self, changes: Iterable[Change]) -> None:
        """Take what the feed tells."""
        if not self.known:
            return
        for key, value, revision, _, previous, _, _ in changes:
            if revision <= self._counted_at:
                continue
            if previous is not None:
                self.keys -= 1
                self.logical_bytes -= len(key) + len(previous.value)
            if value is not None:
                self.keys += 1
                self.logical_bytes += len(key) + len(value)
