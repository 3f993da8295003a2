"""The KV service, and what stands beside it, over gRPC: answers, snapshots of ranges, headers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest
from grpc import StatusCode, aio

from serialization.api.etcd.rpc_pb2 import (
    CompactionRequest,
    CompactionResponse,
    Compare,
    DeleteRangeRequest,
    DeleteRangeResponse,
    PutRequest,
    RangeRequest,
    RangeResponse,
    RequestOp,
    TxnRequest,
    TxnResponse,
)
from tests.storage.serve.asking import put, raw, read, within
from tests.storage.serve.served import Served, call, refusal, served

OWN_CONNECTION: Final = [("grpc.use_local_subchannel_pool", 1)]


def test_answers_within_a_transaction_tell_the_revision_that_each_saw() -> None:
    async def test(server: Served) -> None:
        before = await server.put(b"a")
        nested = TxnRequest(success=[read(b"b"), put(b"c"), read(b"c")])
        ops = [read(b"a"), put(b"b"), RequestOp(request_txn=nested), read(b"a")]

        done = await server.call("KV/Txn", TxnRequest(success=ops), TxnResponse)

        first, second, third, fourth = done.responses
        within_third = [
            each.response_range.header.revision
            for each in (third.response_txn.responses[0], third.response_txn.responses[2])
        ]
        assert done.header.revision == before + 1
        assert first.response_range.header.revision == before
        assert second.response_put.header.revision == before + 1
        assert third.response_txn.header.revision == 0
        assert within_third == [before + 1, before + 1]
        assert fourth.response_range.header.revision == before + 1

    within(test)


def test_sorting_by_more_than_the_key_sorts_before_it_cuts() -> None:
    async def test(server: Served) -> None:
        for key in (b"c", b"b", b"a"):
            await server.put(key)
        oldest = RangeRequest(key=b"a", range_end=b"z", sort_target=RangeRequest.CREATE, limit=2)

        found = await server.call("KV/Range", oldest, RangeResponse)

        assert [kv.key for kv in found.kvs] == [b"c", b"b"]
        assert (found.more, found.count) == (True, 3)

    within(test)


@pytest.mark.slow
def test_a_long_range_is_answered_whole_as_of_one_revision() -> None:
    async def test(server: Served) -> None:
        before = await server.put(b"other")
        for first in range(0, 1200, 100):
            keys = [put(b"many/%04d" % number) for number in range(first, first + 100)]
            await server.call("KV/Txn", TxnRequest(success=keys), TxnResponse)
        everything = RangeRequest(key=b"many/", range_end=b"many0")

        found, _ = await asyncio.gather(
            server.call("KV/Range", everything, RangeResponse), server.put(b"many/later")
        )

        keys_found = [kv.key for kv in found.kvs]
        assert keys_found[:1200] == [b"many/%04d" % number for number in range(1200)]
        assert found.count == len(keys_found) == 1200 + (found.header.revision > before + 12)

    within(test)


@pytest.mark.slow
def test_a_physical_compaction_is_answered_when_all_is_gone() -> None:
    async def test(server: Served) -> None:
        for _ in range(12):
            keys = [put(b"again/%03d" % number) for number in range(120)]
            await server.call("KV/Txn", TxnRequest(success=keys), TxnResponse)
        last = server.store.current_revision()
        kept = server.store._backend._values  # type: ignore[attr-defined]  # the memory backend's
        assert len(kept) == 12 * 120

        compaction = CompactionRequest(revision=last, physical=True)
        await server.call("KV/Compact", compaction, CompactionResponse)

        assert len(kept) == 120

    within(test)


def test_a_new_store_may_be_compacted_at_its_beginning() -> None:
    async def test(server: Served) -> None:
        for revision in (0, 1):
            compaction = CompactionRequest(revision=revision)
            done = await server.call("KV/Compact", compaction, CompactionResponse)
            assert done.header.revision == 1

    within(test)


def test_every_answer_says_who_answers() -> None:
    async def test(server: Served) -> None:
        serving = server.serving
        found = await server.call(
            "KV/DeleteRange", DeleteRangeRequest(key=b"a"), DeleteRangeResponse
        )

        assert found.header.cluster_id == serving.cluster_id != 0
        assert found.header.member_id == serving.member_id != 0
        assert (found.header.raft_term, found.header.revision) == (2, 1)

    within(test)


def test_grpc_s_health_protocol_says_that_it_serves() -> None:
    async def test(server: Served) -> None:
        check = raw(server.channel, "/grpc.health.v1.Health/Check")
        watch: aio.UnaryStreamMultiCallable[bytes, bytes] = server.channel.unary_stream(
            "/grpc.health.v1.Health/Watch"
        )
        watching = watch(b"")

        assert await check(b"") == b"\x08\x01"
        assert await check(b"\x0a\x00") == b"\x08\x01"
        assert await refusal(check(b"\x0a\x03abc")) == (StatusCode.NOT_FOUND, "unknown service")
        assert await watching.read() == b"\x08\x01"
        watching.cancel()

    within(test)


def test_a_compare_without_its_operand_compares_with_zero() -> None:
    async def test(server: Served) -> None:
        other = Compare(key=b"none", target=Compare.MOD, version=7)

        done = await server.call("KV/Txn", TxnRequest(compare=[other]), TxnResponse)

        assert done.succeeded

    within(test)


def test_calls_that_are_given_up_leave_the_server_as_it_is(tmp_path: Path) -> None:
    async def run() -> None:
        async with served(tmp_path) as server:
            invoke = raw(server.channel, "/etcdserverpb.KV/Put")
            for number in range(5):
                text = [PutRequest(key=b"%d" % key).SerializeToString() for key in range(40)]
                calls = [invoke(each) for each in text]
                await asyncio.wait([asyncio.ensure_future(calls[number].code())])
                for each_call in calls:
                    each_call.cancel()

            last = await server.put(b"after")
            found = await server.call("KV/Range", RangeRequest(key=b"after"), RangeResponse)

            assert found.kvs[0].mod_revision == last == found.header.revision

    asyncio.run(run())


def test_writes_on_many_connections_lose_no_update() -> None:
    async def add(target: str) -> None:
        async with aio.insecure_channel(target, options=OWN_CONNECTION) as channel:
            done = 0
            while done < 20:
                read = await call(channel, "KV/Range", RangeRequest(key=b"n"), RangeResponse)
                value = int(read.kvs[0].value) if read.kvs else 0
                version = read.kvs[0].mod_revision if read.kvs else 0
                unchanged = Compare(key=b"n", target=Compare.MOD, mod_revision=version)
                txn = TxnRequest(
                    compare=[unchanged], success=[put(b"n", value=b"%d" % (value + 1))]
                )
                done += (await call(channel, "KV/Txn", txn, TxnResponse)).succeeded

    async def test(server: Served) -> None:
        await asyncio.gather(*[add(server.target) for _ in range(4)])

        found = await server.call("KV/Range", RangeRequest(key=b"n"), RangeResponse)
        assert (found.kvs[0].value, found.kvs[0].version) == (b"80", 80)

    within(test)
