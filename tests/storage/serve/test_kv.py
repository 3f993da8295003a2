"""The KV service, and what stands beside it, over gRPC: refusals, limits, headers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from grpc import StatusCode, aio

from serialization.api.etcd.rpc_pb2 import (
    AuthenticateRequest,
    AuthenticateResponse,
    CompactionRequest,
    CompactionResponse,
    Compare,
    DeleteRangeRequest,
    DeleteRangeResponse,
    PutRequest,
    PutResponse,
    RangeRequest,
    RangeResponse,
    RequestOp,
    TxnRequest,
    TxnResponse,
)
from storage.serve.etcd3.limits import Limits
from tests.storage.serve.served import Served, call, refusal, served

OWN_CONNECTION: Final = [("grpc.use_local_subchannel_pool", 1)]
Test = Callable[[Served], Awaitable[None]]


def within(test: Test, limits: Limits | None = None) -> None:
    """Run a test with a server of its own."""

    async def run() -> None:
        async with served(limits=limits) as server:
            await test(server)

    asyncio.run(run())


def put(key: bytes, **more: object) -> RequestOp:
    return RequestOp(request_put=PutRequest(key=key, **more))  # type: ignore[arg-type]  # fields


def read(key: bytes, **more: object) -> RequestOp:
    return RequestOp(request_range=RangeRequest(key=key, **more))  # type: ignore[arg-type]  # fields


def raw(channel: aio.Channel, path: str) -> aio.UnaryUnaryMultiCallable[bytes, bytes]:
    """Return a method that takes and answers bytes."""
    method: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    return method


class Bad(NamedTuple):
    method: str
    request: Message
    code: StatusCode
    text: str


INVALID: Final = StatusCode.INVALID_ARGUMENT
COMPACTED: Final = "etcdserver: mvcc: required revision has been compacted"
FUTURE: Final = "etcdserver: mvcc: required revision is a future revision"
NO_KEY: Final = "etcdserver: key is not provided"
NO_LEASE: Final = "etcdserver: requested lease not found"
NOT_THERE: Final = "etcdserver: key not found"
BAD: Final = {
    "range of no key": Bad("Range", RangeRequest(), INVALID, NO_KEY),
    "range at a compacted revision": Bad(
        "Range", RangeRequest(key=b"a", revision=2), StatusCode.OUT_OF_RANGE, COMPACTED
    ),
    "range at a future revision": Bad(
        "Range", RangeRequest(key=b"a", revision=99), StatusCode.OUT_OF_RANGE, FUTURE
    ),
    "range in an order that is none": Bad(
        "Range",
        RangeRequest(key=b"a", sort_order=7),  # type: ignore[arg-type]  # what is tested
        INVALID,
        "etcdserver: invalid sort option",
    ),
    "range by a target that is none": Bad(
        "Range",
        RangeRequest(key=b"a", sort_target=-1),  # type: ignore[arg-type]  # what is tested
        INVALID,
        "etcdserver: invalid sort option",
    ),
    "put of no key": Bad("Put", PutRequest(value=b"v"), INVALID, NO_KEY),
    "put of a value and none": Bad(
        "Put",
        PutRequest(key=b"a", value=b"v", ignore_value=True),
        INVALID,
        "etcdserver: value is provided",
    ),
    "put of a lease and none": Bad(
        "Put",
        PutRequest(key=b"a", lease=1, ignore_lease=True),
        INVALID,
        "etcdserver: lease is provided",
    ),
    "put that keeps a value that is not there": Bad(
        "Put", PutRequest(key=b"none", ignore_value=True), INVALID, NOT_THERE
    ),
    "put that keeps a lease that is not there": Bad(
        "Put", PutRequest(key=b"none", ignore_lease=True), INVALID, NOT_THERE
    ),
    "put with a lease that is not there": Bad(
        "Put", PutRequest(key=b"a", lease=77), StatusCode.NOT_FOUND, NO_LEASE
    ),
    "put without a value and with no lease": Bad(
        "Put",
        PutRequest(key=b"none", lease=77, ignore_value=True),
        StatusCode.NOT_FOUND,
        NO_LEASE,
    ),
    "put that is too large": Bad(
        "Put",
        PutRequest(key=b"a", value=bytes(3 << 19)),
        INVALID,
        "etcdserver: request is too large",
    ),
    "delete of no key": Bad("DeleteRange", DeleteRangeRequest(), INVALID, NO_KEY),
    "compaction of the past": Bad(
        "Compact", CompactionRequest(revision=2), StatusCode.OUT_OF_RANGE, COMPACTED
    ),
    "compaction below zero": Bad(
        "Compact", CompactionRequest(revision=-5), StatusCode.OUT_OF_RANGE, COMPACTED
    ),
    "compaction of the future": Bad(
        "Compact", CompactionRequest(revision=99), StatusCode.OUT_OF_RANGE, FUTURE
    ),
    "transaction that compares no key": Bad(
        "Txn", TxnRequest(compare=[Compare()]), INVALID, NO_KEY
    ),
    "transaction that puts no key": Bad("Txn", TxnRequest(success=[put(b"")]), INVALID, NO_KEY),
    "transaction with a bad branch that is not taken": Bad(
        "Txn", TxnRequest(failure=[put(b"")]), INVALID, NO_KEY
    ),
    "transaction that puts a key twice": Bad(
        "Txn",
        TxnRequest(success=[put(b"a"), put(b"a")]),
        INVALID,
        "etcdserver: duplicate key given in txn request",
    ),
    "transaction of too many operations": Bad(
        "Txn",
        TxnRequest(success=[read(b"a")] * 129),
        INVALID,
        "etcdserver: too many operations in txn request",
    ),
    "transaction with an operation that is none": Bad(
        "Txn", TxnRequest(success=[RequestOp()]), INVALID, NOT_THERE
    ),
    "transaction with a lease that is not there": Bad(
        "Txn", TxnRequest(success=[put(b"a", lease=77)]), StatusCode.NOT_FOUND, NO_LEASE
    ),
    "transaction that reads the past": Bad(
        "Txn",
        TxnRequest(success=[put(b"b"), read(b"a", revision=2)]),
        StatusCode.OUT_OF_RANGE,
        COMPACTED,
    ),
    "transaction that compares by what is none": Bad(
        "Txn",
        TxnRequest(compare=[Compare(key=b"a", target=9)]),  # type: ignore[arg-type]  # tested
        INVALID,
        "etcdserver: invalid compare option",
    ),
}


def test_bad_requests_are_refused_in_etcd_s_words_and_write_nothing() -> None:
    async def test(server: Served) -> None:
        for _ in range(3):
            await server.put(b"a")
        last = await server.put(b"a")
        compaction = CompactionRequest(revision=3, physical=True)
        await server.call("KV/Compact", compaction, CompactionResponse)

        got = {
            name: await refusal(server.call(f"KV/{bad.method}", bad.request, RangeResponse))
            for name, bad in BAD.items()
        }

        assert got == {name: (bad.code, bad.text) for name, bad in BAD.items()}
        assert server.store.current_revision() == last

    within(test)


def test_limits_can_be_set() -> None:
    async def test(server: Served) -> None:
        large = server.call("KV/Put", PutRequest(key=b"a", value=bytes(1000)), PutResponse)
        many = server.call("KV/Txn", TxnRequest(success=[read(b"a")] * 3), TxnResponse)
        small = server.call("KV/Put", PutRequest(key=b"a", value=bytes(900)), PutResponse)

        assert (await refusal(large))[1] == "etcdserver: request is too large"
        assert (await refusal(many))[1] == "etcdserver: too many operations in txn request"
        assert (await small).header.revision == 2

    within(test, Limits(txn_ops=2, request_bytes=1000))


def test_a_message_that_is_far_too_large_is_refused_by_the_transport() -> None:
    async def test(server: Served) -> None:
        huge = server.call("KV/Put", PutRequest(key=b"a", value=bytes(3 << 20)), PutResponse)

        assert (await refusal(huge))[0] is StatusCode.RESOURCE_EXHAUSTED

    within(test)


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


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("KV/RangeStream", "unknown method RangeStream for service etcdserverpb.KV"),
        ("Raft/Propose", "unknown service etcdserverpb.Raft"),
        ("Auth/AuthStatus", "unknown method AuthStatus for service etcdserverpb.Auth"),
        ("Auth/AuthEnable", "unknown method AuthEnable for service etcdserverpb.Auth"),
        ("Auth/UserAdd", "unknown method UserAdd for service etcdserverpb.Auth"),
        ("Auth/RoleList", "unknown method RoleList for service etcdserverpb.Auth"),
    ],
)
def test_methods_that_nobody_has_are_refused_by_name(path: str, text: str) -> None:
    async def test(server: Served) -> None:
        refused = await refusal(server.call(path, RangeRequest(key=b"a"), RangeResponse))

        assert refused == (StatusCode.UNIMPLEMENTED, text)

    within(test)


def test_authentication_is_not_enabled() -> None:
    async def test(server: Served) -> None:
        asked = AuthenticateRequest(name="root", password="secret")
        refused = await refusal(server.call("Auth/Authenticate", asked, AuthenticateResponse))

        assert refused == (
            StatusCode.FAILED_PRECONDITION,
            "etcdserver: authentication is not enabled",
        )

    within(test)


def test_a_message_that_is_none_is_refused() -> None:
    async def test(server: Served) -> None:
        invoke = raw(server.channel, "/etcdserverpb.KV/Range")

        assert (await refusal(invoke(b"\xff\xff\xff")))[0] is StatusCode.INTERNAL
        assert (await server.call("KV/Range", RangeRequest(key=b"a"), RangeResponse)).count == 0

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


def test_calls_of_a_closed_server_are_refused() -> None:
    async def run() -> tuple[StatusCode, str]:
        async with served() as server:
            target = server.target
        async with aio.insecure_channel(target) as channel:
            invoke = raw(channel, "/etcdserverpb.KV/Range")
            return await refusal(invoke(RangeRequest(key=b"a").SerializeToString()))

    assert asyncio.run(run())[0] is grpc.StatusCode.UNAVAILABLE
