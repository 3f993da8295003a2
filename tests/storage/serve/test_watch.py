"""The Watch service over gRPC, on an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from serialization.api.etcd.rpc_pb2 import (
    CompactionRequest,
    CompactionResponse,
    DeleteRangeRequest,
    PutRequest,
    RequestOp,
    TxnRequest,
    TxnResponse,
    WatchCancelRequest,
    WatchCreateRequest,
    WatchProgressRequest,
)
from tests.storage.serve.served import served

ALL = b"\0"


async def test_events_of_a_transaction_come_in_one_response() -> None:
    async with served() as etcd:
        watch = etcd.watch()
        created = await watch.create(WatchCreateRequest(key=ALL, range_end=ALL, prev_kv=True))
        await etcd.put(b"a", b"1")
        txn = TxnRequest(
            success=[
                RequestOp(request_put=PutRequest(key=b"b", value=b"2")),
                RequestOp(request_delete_range=DeleteRangeRequest(key=b"a")),
            ]
        )
        await etcd.call("KV/Txn", txn, TxnResponse)

        first, second = await watch.read(), await watch.read()
        await watch.end()

    assert created.created
    assert created.header.revision == 1
    assert first.header.revision == 2
    assert [(e.type, e.kv.key, e.kv.mod_revision) for e in second.events] == [
        (0, b"b", 3),
        (1, b"a", 3),
    ]
    assert second.events[1].prev_kv.value == b"1"
    assert not second.events[1].kv.value


async def test_a_watch_from_the_past_is_told_all_that_is_kept(tmp_path: Path) -> None:
    async with served(tmp_path) as etcd:
        for n in range(5):
            await etcd.put(b"a", b"%d" % n)
        await etcd.call("KV/Compact", CompactionRequest(revision=3), CompactionResponse)
        watch = etcd.watch()
        await watch.create(WatchCreateRequest(key=b"a", start_revision=2))
        canceled = await watch.read()
        await watch.create(WatchCreateRequest(key=b"a", start_revision=4))
        told = await watch.read()
        await watch.end()

    assert (canceled.canceled, canceled.compact_revision, canceled.header.revision) == (True, 3, 0)
    assert [event.kv.value for event in told.events] == [b"2", b"3", b"4"]


async def test_progress_cancel_and_half_close() -> None:
    async with served() as etcd:
        watch = etcd.watch()
        await watch.create(WatchCreateRequest(key=b"a", watch_id=5))
        await etcd.put(b"b")
        await watch.send(progress_request=WatchProgressRequest())
        progress = await watch.read()
        await watch.send(cancel_request=WatchCancelRequest(watch_id=5))
        canceled = await watch.read()
        await watch.create(WatchCreateRequest(key=b"a"))
        await watch.half_close()
        await etcd.put(b"a")
        told = await watch.read()
        await watch.end()

    assert (progress.watch_id, progress.header.revision) == (-1, 2)
    assert (canceled.watch_id, canceled.canceled) == (5, True)
    assert told.events[0].kv.mod_revision == 3


async def test_quiet_watches_are_told_of_progress() -> None:
    async with served(watch_progress_s=0.02) as etcd:
        watch = etcd.watch()
        await etcd.put(b"b")
        await watch.create(WatchCreateRequest(key=b"a", progress_notify=True))
        notice = await watch.read()
        await watch.end()

    assert (notice.watch_id, notice.header.revision, len(notice.events)) == (0, 2, 0)


@pytest.mark.slow
async def test_a_client_that_reads_late_is_told_everything_once() -> None:
    async with served() as etcd:
        slow = etcd.watch()
        await slow.create(WatchCreateRequest(key=ALL, range_end=ALL))
        value = bytes(100_000)
        for _ in range(300):
            await etcd.put(b"a", value)

        revisions: list[int] = []
        while revisions[-1:] != [301]:
            revisions += [event.kv.mod_revision for event in (await slow.read()).events]
        await slow.end()

    assert revisions == list(range(2, 302))
