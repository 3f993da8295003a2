"""Transactions that do nothing but read much, while others ask, write and compact."""

from __future__ import annotations

from serialization.api.etcd.rpc_pb2 import Compare, RequestOp, TxnRequest, TxnResponse
from storage.http2 import frames
from storage.serve.etcd3.kv import SERVICE
from storage.serve.http2.messages import PREFIX_BYTES
from tests.storage.serve.desk import (
    KEYS,
    ONE,
    WHOLE,
    Desk,
    ask,
    idle,
    turns,
    until,
    within,
)


def both() -> TxnRequest:
    """Return a transaction that reads everything twice."""
    return TxnRequest(success=[RequestOp(request_range=WHOLE), RequestOp(request_range=WHOLE)])


def test_a_transaction_that_reads_much_leaves_others_their_turns_and_tells_one_revision() -> None:
    async def story(desk: Desk) -> None:
        other, before = desk.connect(), desk.store.current_revision()
        pending = desk.store.update(b"/0000", b"pending", expected=2)
        request = both()
        request.compare.add(key=b"/0000", target=Compare.MOD, mod_revision=before + 1)
        desk.client.call(f"/{SERVICE}/Txn", request.SerializeToString())
        waits = []
        while desk.client.connection.calls:
            get = ask(other, ONE)
            waits.append(await until(lambda: get not in other.connection.calls))  # noqa: B023  # at once
            await desk.store.create(b"/more/%d" % len(waits), b"new")
        await pending
        got = [each.payload for each in desk.client.frames() if each.kind == frames.DATA]
        answer = TxnResponse.FromString(b"".join(got)[PREFIX_BYTES:])

        assert max(waits) <= 3
        assert len(waits) > 20
        ranges = [each.response_range for each in answer.responses]
        assert [(each.count, each.header.revision) for each in ranges] == [(KEYS, before + 1)] * 2
        assert answer.header.revision == before + 1
        assert ranges[0].kvs == ranges[1].kvs
        assert answer.succeeded  # judged on a write that was not durable yet
        assert ranges[0].kvs[0].value == b"pending"

    within(story)


def test_a_transaction_whose_revision_is_compacted_meanwhile_is_carried_out_in_one_step() -> None:
    async def story(desk: Desk) -> None:
        await desk.store.create(b"/9", b"")
        desk.client.call(f"/{SERVICE}/Txn", both().SerializeToString())
        await turns(3)
        for _ in range(2):
            await desk.store.create(b"/%d" % desk.store.current_revision(), b"")
        await desk.store.compact(desk.store.current_revision())
        last = desk.store.current_revision()
        await until(idle(desk.client))
        got = [each.payload for each in desk.client.frames() if each.kind == frames.DATA]
        answer = TxnResponse.FromString(b"".join(got)[PREFIX_BYTES:])

        assert answer.header.revision == last
        assert [each.response_range.count for each in answer.responses] == [KEYS + 3] * 2

    within(story)
