"""Watches of spans: what they are told, live and replayed, and what many of them cost."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.reads import HISTORY_PAGE
from storage.engine.spans import prefix_of
from storage.engine.store import EngineStore
from storage.errors import CompactedError, StoreClosedError
from storage.mvcc import DeleteOp, PutOp, Span, Txn
from storage.records import Batch
from tests.storage.mvcc.conftest import Play
from tests.storage.recorder import Recorder

KEYS = [b"/a", b"/a\0", b"/a/1", b"/b", b"/c", b"\xff"]

SPANS = [
    (Span(b"/a"), [b"/a"]),
    (Span(b"/none"), []),
    (Span(b"/a", b"/b"), [b"/a", b"/a\0", b"/a/1"]),
    (Span(b"/a/", b"/c"), [b"/a/1", b"/b"]),
    (Span(b"/b", b"\0"), [b"/b", b"/c", b"\xff"]),
    (Span(b"\0", b"\0"), KEYS),
    (Span(b"/c", b"/a"), []),
]


@pytest.mark.parametrize(("span", "keys"), SPANS)
@pytest.mark.parametrize("shared", [False, True])
def test_watch_of_a_span_tells_its_keys_live_and_replayed(
    play: Play, span: Span, keys: list[bytes], *, shared: bool
) -> None:
    async def story(store: EngineStore) -> None:
        live, late = Recorder(after=1), Recorder(after=1)
        store.watch_span(span, live, after=1)
        if shared:
            await store.txn(Txn((), tuple(PutOp(key, b"v") for key in KEYS)))
        else:
            for key in KEYS:
                await store.txn(Txn((), (PutOp(key, b"v"),)))
        store.watch_span(span, late, after=1)
        await late.reach(store.current_revision())

        assert [change.key for change in live.changes] == keys
        assert late.changes == live.changes

    play(story)


@pytest.mark.parametrize(
    ("span", "prefix"),
    [
        (Span(b"/a"), None),
        (Span(b"/a", b"/b"), b"/a"),
        (Span(b"/a/", b"/a0"), b"/a/"),
        (Span(b"/a", b"/c"), None),
        (Span(b"/a\xff", b"/b"), b"/a\xff"),
        (Span(b"\xff", b"\0"), b"\xff"),
        (Span(b"\0", b"\0"), b""),
        (Span(b"/a", b"\0"), None),
    ],
)
def test_span_that_is_a_prefix_is_watched_as_one(span: Span, prefix: bytes | None) -> None:
    assert prefix_of(span) == prefix


def test_revision_is_never_torn_apart(play: Play) -> None:
    """Not where it is replayed, though it holds more than a page of history."""

    async def story(store: EngineStore) -> None:
        keys = [b"/k/%05d" % number for number in range(HISTORY_PAGE + 3)]
        live, late = Recorder(after=1), Recorder(after=1)
        store.watch_span(Span(b"/k/", b"/k0"), live, after=1)
        first = store.create(b"/k/first", b"v")
        every = store.txn(Txn((), tuple(PutOp(key, b"v") for key in keys)))
        gone = store.txn(Txn((), (DeleteOp(Span(b"/k/", b"/k0")),)))
        await asyncio.gather(first, every, gone)
        store.watch_span(Span(b"/k/0", b"/k0"), late, after=1)
        await late.reach(4)

        for recorder in (live, late):
            revisions = [{c.revision for c in batch.changes} for batch in recorder.batches]
            assert sum(3 in each for each in revisions) == 1
            assert sum(4 in each for each in revisions) == 1
        assert late.changes == live.changes
        assert len(late.changes) == 2 * len(keys) + 2

    play(story)


def test_cancelled_watch_is_told_nothing_and_the_others_are(play: Play) -> None:
    async def story(store: EngineStore) -> None:
        class Ending(Recorder):
            def deliver(self, batch: Batch) -> None:
                super().deliver(batch)
                watches[1].cancel()
                watches[0].cancel()

        ending, ended, staying = Ending(after=1), Recorder(after=1), Recorder(after=1)
        watches = [
            store.watch_span(Span(b"/a"), recorder, after=1)
            for recorder in (ending, ended, staying)
        ]
        for _ in range(3):
            await store.txn(Txn((), (PutOp(b"/a", b"v"),)))

        assert [len(each.changes) for each in (ending, ended, staying)] == [1, 0, 3]

    play(story)


def test_watch_of_a_span_ends_with_a_reason(play: Play) -> None:
    compacted, closed = Recorder(after=1), Recorder(after=3)

    async def story(store: EngineStore) -> None:
        for _ in range(2):
            await store.txn(Txn((), (PutOp(b"/a", b"v"),)))
        await store.compact(3)
        store.watch_span(Span(b"/a"), compacted, after=1)
        store.watch_span(Span(b"/a", b"/c"), closed, after=3)
        assert isinstance(await compacted.end(), CompactedError)

    play(story)

    assert isinstance(closed.error, StoreClosedError)
    assert compacted.changes == []


def test_many_watches_come_and_go(play: Play) -> None:
    """Each prefix, key or range that is new or gone costs no look at the others."""

    async def story(store: EngineStore) -> None:
        recorder = Recorder(after=1)
        spans = [Span(b"/k/%d" % number) for number in range(2000)]
        spans += [Span(b"/p/%d/" % number, b"/p/%d0" % number) for number in range(2000)]
        watches = [store.watch_span(span, Recorder(after=1), after=1) for span in spans]
        last = store.watch_span(Span(b"/p/7/x"), recorder, after=1)
        await store.txn(Txn((), (PutOp(b"/p/7/x", b"v"), PutOp(b"/k/7", b"v"))))
        told = [watch.watcher for watch in watches]

        seen = [span for span, each in zip(spans, told, strict=True) if _changes(each)]
        assert seen == [Span(b"/k/7"), Span(b"/p/7/", b"/p/70")]
        for watch in (*watches, last):
            watch.cancel()
        hub = store._hub
        left = [hub._synced, hub._spans, hub._ranges, hub._split_folders, hub._lengths]
        assert not any(left)

    play(story)


def _changes(watcher: object) -> int:
    assert isinstance(watcher, Recorder)
    return len(watcher.changes)
