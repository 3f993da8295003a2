"""Requests of the KV service that are refused, in etcd's own words."""

from __future__ import annotations

import asyncio
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
    PutRequest,
    PutResponse,
    RangeRequest,
    RangeResponse,
    RequestOp,
    TxnRequest,
    TxnResponse,
)
from storage.serve.etcd3.limits import Limits
from tests.storage.serve.asking import put, raw, read, within
from tests.storage.serve.served import Served, refusal, served


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


def test_calls_of_a_closed_server_are_refused() -> None:
    async def run() -> tuple[StatusCode, str]:
        async with served() as server:
            target = server.target
        async with aio.insecure_channel(target) as channel:
            invoke = raw(channel, "/etcdserverpb.KV/Range")
            return await refusal(invoke(RangeRequest(key=b"a").SerializeToString()))

    assert asyncio.run(run())[0] is grpc.StatusCode.UNAVAILABLE
