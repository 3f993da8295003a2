"""The watch hub: replays kept history to new watches, then feeds them as groups are applied.

How it works. A watch stands in one of two places. A *replaying* one takes a page of history per
turn of the loop; when a page ends at the last applied revision, it becomes *synced* in the same
step, so nothing falls between. Synced watches stand in lists by prefix; a change finds its lists by
cutting its key to each prefix length in use, so the cost does not grow with the number of prefixes.
Keys of one folder (all up to the last slash) begin with the same prefixes unless one ends within
their names, so what was found for a folder is remembered: one look-up a change.
A watch over a span that is no prefix stands apart: by its key, or in a list that every change is
held against. Such a span's history is that of its keys' common prefix, sifted.
Each watch remembers its position, the revision up to which it has been told: it is never told
twice, and one that asked for a future revision starts there.

A watch whose prefix a group did not touch gets a progress mark: at once while watches are few, else
every ``MARK_PAUSE_S``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from storage.engine.spans import bounds_of, common_prefix, prefix_of
from storage.errors import CompactedError, StoreError
from storage.interface import Watcher
from storage.mvcc import Span
from storage.records import Batch, Change

EAGER_MARKS = 8
"""Up to this many watches, a progress mark follows every group.

An API server holds a watch a resource, and needs no marks to answer for its own writes: at 18
resources marks after every group cost each single pod create 8 of 132 us.
"""

MARK_PAUSE_S = 0.1

FOLDERS_MAX = 4096
"""Of how many folders it is remembered which prefixes are theirs."""

History = Callable[[bytes, int, int], tuple[int, list[Change]]]
"""(prefix, after, upto): how far this piece goes, and the kept changes under the prefix in it."""


class Applied(Protocol):
    """What knows up to where changes have been applied: a key index, a remote store's feed."""

    @property
    def last(self) -> int:
        """The last applied revision."""
        ...


class HubWatch:
    """One watch. ``position`` is the revision up to which its watcher has been told."""

    __slots__ = ("_hub", "live", "position", "prefix", "span", "watcher")

    def __init__(
        self,
        hub: WatchHub,
        prefix: bytes,
        watcher: Watcher,
        after: int,
        span: Span | None = None,
    ) -> None:
        self._hub = hub
        self.prefix = prefix
        self.span = span
        """What it watches of its prefix; None: all."""
        self.watcher = watcher
        self.position = after
        self.live = True

    def cancel(self) -> None:
        """End it: nothing is delivered after this returns. Idempotent."""
        if self.live:
            self.live = False
            self._hub.remove(self)


class WatchHub:
    """All watches of a store."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        index: Applied,
        history: History,
        compacted: Callable[[], int],
    ) -> None:
        self._loop = loop
        self._index = index
        self._history = history
        self._compacted = compacted
        self._synced: dict[bytes, list[HubWatch]] = {}
        self._lengths: tuple[int, ...] = ()
        self._by_folder: dict[bytes, tuple[bytes, ...]] = {}
        """Prefixes in use by the folder of the keys that begin with them."""
        self._lengths_in_use: Counter[int] = Counter()
        self._split_folders: Counter[bytes] = Counter()
        """Folders of whose keys not all begin with the same prefixes, and how many cause that."""
        self._spans: dict[Span, list[HubWatch]] = {}
        """The synced watches of spans that are not prefixes."""
        self._ranges: dict[Span, None] = {}
        """Those of the spans that are not a single key."""
        self._replaying: dict[HubWatch, None] = {}
        self._marks: asyncio.TimerHandle | None = None
        self._synced_count = 0

    def add(self, prefix: bytes, watcher: Watcher, after: int) -> HubWatch:
        """Start a watch after revision ``after``."""
        return self._begin(HubWatch(self, prefix, watcher, after))

    def add_span(self, span: Span, watcher: Watcher, after: int) -> HubWatch:
        """Start a watch of a span after revision ``after``."""
        prefix = prefix_of(span)
        if prefix is not None:
            return self.add(prefix, watcher, after)
        return self._begin(HubWatch(self, common_prefix(span), watcher, after, span))

    def _begin(self, watch: HubWatch) -> HubWatch:
        after = watch.position
        if after >= self._index.last:
            self._join(watch)
        else:
            self._replaying[watch] = None
            self._loop.call_soon(self._replay, watch)
        return watch

    def remove(self, watch: HubWatch) -> None:
        """Forget a watch."""
        self._replaying.pop(watch, None)
        span = watch.span
        watches = self._synced.get(watch.prefix) if span is None else self._spans.get(span)
        if watches is not None and watch in watches:
            watches.remove(watch)
            self._synced_count -= 1
            if not watches:
                self._unlist(watch)

    def deliver(self, changes: Sequence[Change]) -> None:
        """Tell the synced watches of a group that has just been applied."""
        if not self._synced_count:
            return
        revision = changes[-1].revision
        buckets = self._by_prefix(changes)
        for prefix, bucket in buckets.items():
            watches = self._synced.get(prefix)
            if watches is not None:  # a watcher that was told may have ended others
                self._tell(watches, Batch(revision, tuple(bucket)))
        if self._spans:
            self._deliver_spans(changes, revision)
        self.mark()

    def mark(self) -> None:
        """Let the synced watches know, now or soon, what has been applied without their changes."""
        if self._synced_count <= EAGER_MARKS:
            self._mark_all()
        elif self._marks is None:
            self._marks = self._loop.call_later(MARK_PAUSE_S, self._mark_later)

    def close(self, error: StoreError) -> None:
        """End every watch."""
        if self._marks is not None:
            self._marks.cancel()
            self._marks = None
        synced = [watch for watches in self._lists() for watch in watches]
        replaying = list(self._replaying)
        self._synced, self._spans, self._replaying = {}, {}, {}
        self._lengths, self._synced_count = (), 0
        for each in (self._by_folder, self._lengths_in_use, self._split_folders, self._ranges):
            each.clear()
        for watch in synced + replaying:
            self._end(watch, error)

    def _deliver_spans(self, changes: Sequence[Change], revision: int) -> None:
        buckets: dict[Span, list[Change]] = {}
        spans = self._spans
        for change in changes:
            single = Span(change.key)
            if single in spans:
                buckets.setdefault(single, []).append(change)
            for span in self._ranges:
                if _within(span, change.key):
                    buckets.setdefault(span, []).append(change)
        for span, bucket in buckets.items():
            watches = spans.get(span)
            if watches is not None:
                self._tell(watches, Batch(revision, tuple(bucket)))

    def _lists(self) -> list[list[HubWatch]]:
        return [*self._synced.values(), *self._spans.values()]

    def _by_prefix(self, changes: Sequence[Change]) -> dict[bytes, list[Change]]:
        buckets: dict[bytes, list[Change]] = {}
        known = self._by_folder
        for change in changes:
            key = change.key
            prefixes = known.get(key[: key.rfind(b"/") + 1])  # its folder; hot: once a write
            if prefixes is None:
                prefixes = self._prefixes_of(key)
            for prefix in prefixes:
                if prefix in buckets:
                    buckets[prefix].append(change)
                else:
                    buckets[prefix] = [change]
        return buckets

    def _prefixes_of(self, key: bytes) -> tuple[bytes, ...]:
        """Return the prefixes in use with which a key begins."""
        lengths = [length for length in self._lengths if length <= len(key)]
        found = tuple(key[:length] for length in lengths if key[:length] in self._synced)
        folder = _folder(key)
        if folder not in self._split_folders:
            if len(self._by_folder) >= FOLDERS_MAX:
                self._by_folder.clear()
            self._by_folder[folder] = found
        return found

    def _prefix_changed(self, prefix: bytes, by: int) -> None:
        """Count a prefix that is watched now (``by`` 1), or no longer (-1)."""
        self._lengths_in_use[len(prefix)] += by
        if prefix[-1:] != b"/":
            folder = _folder(prefix)
            self._split_folders[folder] += by
            if not self._split_folders[folder]:
                del self._split_folders[folder]
        self._lengths = tuple(sorted(+self._lengths_in_use))
        self._by_folder.clear()

    @staticmethod
    def _tell(watches: list[HubWatch], batch: Batch) -> None:
        revision, changes = batch
        first = changes[0].revision if changes else revision
        for watch in tuple(watches):  # a watcher may cancel, itself or others
            position = watch.position
            if position >= revision or not watch.live:
                continue
            watch.position = revision
            if position < first:
                watch.watcher.deliver(batch)
            else:
                late = tuple(change for change in changes if change.revision > position)
                watch.watcher.deliver(Batch(revision, late))

    def _mark_later(self) -> None:
        self._marks = None
        self._mark_all()

    def _mark_all(self) -> None:
        mark = Batch(self._index.last, ())
        for watches in self._lists():
            self._tell(watches, mark)

    def _replay(self, watch: HubWatch) -> None:
        if not watch.live:
            return
        try:
            if watch.position < self._compacted():
                raise CompactedError(watch.position, self._compacted())
            upto, changes = self._history(watch.prefix, watch.position, self._index.last)
            if watch.span is not None:
                changes = [change for change in changes if _within(watch.span, change.key)]
        except StoreError as error:
            self._replaying.pop(watch, None)
            self._end(watch, error)
            return
        watch.position = upto
        if upto == self._index.last:
            self._replaying.pop(watch, None)
            self._join(watch)
        else:
            self._loop.call_soon(self._replay, watch)
        if changes or watch not in self._replaying:
            watch.watcher.deliver(Batch(upto, tuple(changes)))

    def _join(self, watch: HubWatch) -> None:
        span = watch.span
        watches = self._synced.get(watch.prefix) if span is None else self._spans.get(span)
        if watches is not None:
            watches.append(watch)
        elif span is None:
            self._synced[watch.prefix] = [watch]
            self._prefix_changed(watch.prefix, 1)
        else:
            self._spans[span] = [watch]
            if span.end:
                self._ranges[span] = None
        self._synced_count += 1

    def _unlist(self, watch: HubWatch) -> None:
        span = watch.span
        if span is None:
            del self._synced[watch.prefix]
            self._prefix_changed(watch.prefix, -1)
        else:
            del self._spans[span]
            self._ranges.pop(span, None)

    @staticmethod
    def _end(watch: HubWatch, error: StoreError) -> None:
        if watch.live:
            watch.live = False
            watch.watcher.closed(error)


def _within(span: Span, key: bytes) -> bool:
    low, high = bounds_of(span)
    return low <= key and (high is None or key < high)


def _folder(key: bytes) -> bytes:
    """Return all of a key up to its last slash."""
    return key[: key.rfind(b"/") + 1]
