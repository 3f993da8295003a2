"""A naive store for watches: a list of all changes, subscriptions that are stepped by hand."""

from __future__ import annotations

from typing import NamedTuple

from storage.errors import CompactedError
from storage.interface import Watcher
from storage.mvcc import Span
from storage.records import Batch, Change, KeyValue


class Write(NamedTuple):
    """What a transaction does to a key; None deletes it."""

    key: bytes
    value: bytes | None


def holds(span: Span, key: bytes) -> bool:
    """Say whether a key stands in a span, in the words of the protocol."""
    if not span.end:
        return key == span.key
    return key >= span.key and (span.end == b"\0" or key < span.end)


class Subscription:
    """A watch of the source."""

    def __init__(self, source: SpanSource, span: Span, watcher: Watcher, position: int) -> None:
        self.source = source
        self.span = span
        self.watcher = watcher
        self.position = position
        self.live = True

    def cancel(self) -> None:
        """As ``storage.interface.Watch``."""
        self.live = False


class SpanSource:
    """A ``Source`` whose replays go on when ``step`` is called, ``page`` revisions at a time."""

    def __init__(self, page: int = 3) -> None:
        self.changes: list[Change] = []
        self.revision = 1
        self.compacted = 1
        self.subscriptions: list[Subscription] = []
        self._page = page
        self._state: dict[bytes, KeyValue] = {}

    def current_revision(self) -> int:
        """As ``storage.interface.Readable``."""
        return self.revision

    def watch_span(self, span: Span, watcher: Watcher, *, after: int) -> Subscription:
        """As ``storage.mvcc.Mvcc``."""
        made = Subscription(self, span, watcher, after)
        self.subscriptions.append(made)
        return made

    def compact(self, revision: int) -> None:
        """Forget what lies below."""
        self.compacted = max(self.compacted, min(revision, self.revision))

    def write(self, groups: list[list[Write]]) -> None:
        """Apply transactions, each with a revision of its own, and tell who is synced at once."""
        synced = [each for each in self.subscriptions if each.position >= self.revision]
        made = [change for writes in groups for change in self._apply(writes)]
        self.changes += made
        for each in synced:
            self._tell(each, made)

    def step(self) -> None:
        """Let every replay take a page."""
        for each in list(self.subscriptions):
            if each.live and each.position < self.compacted and each.position < self.revision:
                each.live = False
                each.watcher.closed(CompactedError(each.position, self.compacted))
            elif each.live and each.position < self.revision:
                upto = min(self.revision, each.position + self._page)
                found = [c for c in self.changes if each.position < c.revision <= upto]
                self._tell(each, found, upto)
        self.subscriptions = [each for each in self.subscriptions if each.live]

    def mark(self) -> None:
        """Tell who is synced of the present revision."""
        for each in list(self.subscriptions):
            if each.live and each.position == self.revision:
                each.watcher.deliver(Batch(self.revision, ()))

    def _tell(self, each: Subscription, changes: list[Change], upto: int = 0) -> None:
        revision = upto or self.revision
        if not each.live or each.position >= revision:
            return
        wanted = tuple(c for c in changes if c.revision > each.position and holds(each.span, c.key))
        each.position = revision
        if wanted or upto:
            each.watcher.deliver(Batch(revision, wanted))

    def _apply(self, writes: list[Write]) -> list[Change]:
        made: list[Change] = []
        for key, value in dict(writes).items():
            past = self._state.get(key)
            if value is None and past is None:
                continue
            revision = self.revision + 1
            version = 0 if value is None else (past.version + 1 if past else 1)
            created = past.create_revision if past else revision
            made.append(Change(key, value, revision, created, past, version))
            if value is None:
                del self._state[key]
            else:
                self._state[key] = KeyValue(key, value, revision, created, version)
        if made:
            self.revision += 1
        return made
