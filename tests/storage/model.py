"""The store contract, naively: one list of changes, every answer worked out by replaying it."""

from __future__ import annotations

import sys

from storage.errors import (
    CompactedError,
    ConflictError,
    FutureRevisionError,
    KeyExistsError,
    KeyNotFoundError,
)
from storage.records import Change, KeyValue, Listing


class Model:
    """What a store should hold and answer, for writes in the order in which they are judged."""

    def __init__(
        self,
        start: int = 1,
        compacted: int = 1,
        *,
        versions: bool = True,
        ends_by_key: bool = False,
    ) -> None:
        """It is empty at revision ``start``; all since ``compacted`` is kept.

        Without ``versions`` a key's version is 1 at its creation and 2 ever after. Keys that end
        together end in the order of their revisions, or ``ends_by_key``.
        """
        self.ends_by_key = ends_by_key
        self.version_max = sys.maxsize if versions else 2
        self.history: list[Change] = []
        self.start = start
        self.compacted = compacted
        self.deadlines: dict[bytes, int] = {}
        """When keys end by themselves: wall milliseconds."""

    @property
    def revision(self) -> int:
        return self.history[-1].revision if self.history else self.start

    def state(self, revision: int = 0) -> dict[bytes, KeyValue]:
        state: dict[bytes, KeyValue] = {}
        for key, value, at, created, _, version, _ in self.history:
            if at > (revision or self.revision):
                break
            if value is None:
                del state[key]
            else:
                state[key] = KeyValue(key, value, at, created, version)
        return state

    def create(self, key: bytes, value: bytes, deadline_ms: int = 0) -> int:
        current = self.state().get(key)
        if current is not None:
            raise KeyExistsError(key, current)
        change = Change(key, value, self.revision + 1, self.revision + 1, None, 1)
        return self._add(change, deadline_ms)

    def update(self, key: bytes, value: bytes, expected: int, deadline_ms: int = 0) -> int:
        current = self._expect(key, expected)
        if current.value == value and not deadline_ms and key not in self.deadlines:
            return current.revision
        revision, created = self.revision + 1, current.create_revision
        version = min(current.version + 1, self.version_max)
        change = Change(key, value, revision, created, current, version)
        return self._add(change, deadline_ms)

    def delete(self, key: bytes, expected: int | None, last: bytes | None = None) -> int:
        current = self._expect(key, expected)
        if last is not None and last != current.value:
            self.update(key, last, current.revision)
            current = self.state()[key]
        revision = self.revision + 1
        return self._add(Change(key, None, revision, current.create_revision, current, 0), 0)

    def expire(self, now_ms: int) -> None:
        ended = [key for key, deadline_ms in self.deadlines.items() if deadline_ms <= now_ms]
        state = self.state()
        order = {key: 0 if self.ends_by_key else state[key].revision for key in ended}
        for key in sorted(ended, key=lambda key: (self.deadlines[key], order[key], key)):
            self.delete(key, None)

    def compact(self, revision: int) -> None:
        if revision > self.revision:
            raise FutureRevisionError(revision, self.revision)
        if revision <= self.compacted:
            raise CompactedError(revision, self.compacted)
        self.compacted = revision

    def changes(self, prefix: bytes, after: int) -> list[Change]:
        return [c for c in self.history if c.revision > after and c.key.startswith(prefix)]

    def page(self, prefix: bytes, limit: int, after: bytes, revision: int) -> Listing:
        self._check(revision)
        state = self.state(revision)
        keys = sorted(key for key in state if key.startswith(prefix) and key > after)
        page = keys[:limit] if limit else keys
        items = [state[key] for key in page]
        return Listing(items, revision or self.revision, len(keys) - len(page))

    def get(self, key: bytes, revision: int) -> KeyValue | None:
        self._check(revision)
        return self.state(revision).get(key)

    def _expect(self, key: bytes, expected: int | None) -> KeyValue:
        current = self.state().get(key)
        if current is None:
            raise KeyNotFoundError(key)
        if expected is not None and current.revision != expected:
            raise ConflictError(key, expected, current)
        return current

    def _add(self, change: Change, deadline_ms: int) -> int:
        self.history.append(change)
        self.deadlines.pop(change.key, None)
        if deadline_ms:
            self.deadlines[change.key] = deadline_ms
        return change.revision

    def _check(self, revision: int) -> None:
        if revision > self.revision:
            raise FutureRevisionError(revision, self.revision)
        if 0 < revision < self.compacted:
            raise CompactedError(revision, self.compacted)
