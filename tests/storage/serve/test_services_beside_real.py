"""Watches, leases and maintenance: odd requests are answered as by a real etcd 3.4."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import pytest
from google.protobuf.message import Message
from grpc import aio

from serialization.api.etcd import rpc_pb2 as rpc
from tests.etcd_members import EtcdOptions
from tests.real_etcd import StartEtcd, start_etcd  # noqa: F401  # a fixture
from tests.storage.serve.served import WatchCall, call, served

pytestmark = pytest.mark.slow

DIFFERENT_STATUS: Final[
    tuple[
        Literal["version", "dbSize", "dbSizeInUse", "leader", "raftIndex", "raftAppliedIndex"], ...
    ]
] = ("version", "dbSize", "dbSizeInUse", "leader", "raftIndex", "raftAppliedIndex")

Told = list[tuple[str, object]]
Create = rpc.WatchCreateRequest


def plain(message: Message) -> str:
    """Return a message without what belongs to a server: ids, and what follows from its engine."""
    for name in ("cluster_id", "member_id"):
        header = getattr(message, "header", None)
        if header is not None and message.HasField("header"):
            header.ClearField(name)
    if isinstance(message, rpc.StatusResponse):
        for told in DIFFERENT_STATUS:
            message.ClearField(told)
        message.ClearField("storageVersion")  # newer than 3.4
        message.ClearField("downgradeInfo")
        message.errors.sort()
    if isinstance(message, rpc.AlarmResponse):  # a real one tells them in the order of a Go map
        message.alarms.sort(key=lambda alarm: alarm.memberID)
    if isinstance(message, rpc.HashKVResponse):
        message.ClearField("hash_revision")  # newer than 3.4
        message.ClearField("hash")
    return str(message)


async def ask(channel: aio.Channel, method: str, request: Message, answer: type[Message]) -> str:
    """Return an answer, or how it was refused."""
    try:
        return plain(await call(channel, method, request, answer))
    except aio.AioRpcError as error:
        return f"{error.code().name}: {error.details()}"


def put(value: bytes) -> tuple[str, Message, type[Message]]:
    return "KV/Put", rpc.PutRequest(key=b"a", value=value), rpc.PutResponse


GRANTS: Final = [
    ("Lease/LeaseGrant", rpc.LeaseGrantRequest(TTL=ttl_s, ID=lease), rpc.LeaseGrantResponse)
    for ttl_s, lease in ((1, 5), (0, 6), (-5, 7), (10, 77), (10, 77), (9_000_000_001, 8))
]
ALARM: Final = "Maintenance/Alarm"
RAISE, TAKE_BACK = rpc.AlarmRequest.ACTIVATE, rpc.AlarmRequest.DEACTIVATE

CALLS: Final[list[tuple[str, Message, type[Message]]]] = [
    *GRANTS,
    ("KV/Put", rpc.PutRequest(key=b"l/a", lease=77), rpc.PutResponse),
    ("KV/Put", rpc.PutRequest(key=b"l/b", lease=77), rpc.PutResponse),
    ("Lease/LeaseTimeToLive", rpc.LeaseTimeToLiveRequest(ID=78), rpc.LeaseTimeToLiveResponse),
    ("Lease/LeaseRevoke", rpc.LeaseRevokeRequest(ID=78), rpc.LeaseRevokeResponse),
    ("Lease/LeaseRevoke", rpc.LeaseRevokeRequest(ID=77), rpc.LeaseRevokeResponse),
    ("Maintenance/HashKV", rpc.HashKVRequest(), rpc.HashKVResponse),
    ("Maintenance/HashKV", rpc.HashKVRequest(revision=3), rpc.HashKVResponse),
    ("Maintenance/HashKV", rpc.HashKVRequest(revision=9999), rpc.HashKVResponse),
    ("Maintenance/Status", rpc.StatusRequest(), rpc.StatusResponse),
    ("Maintenance/Defragment", rpc.DefragmentRequest(), rpc.DefragmentResponse),
    ("Maintenance/MoveLeader", rpc.MoveLeaderRequest(targetID=6), rpc.MoveLeaderResponse),
    ("Maintenance/Downgrade", rpc.DowngradeRequest(), rpc.DowngradeResponse),
    (ALARM, rpc.AlarmRequest(), rpc.AlarmResponse),
    (ALARM, rpc.AlarmRequest(action=RAISE, alarm=rpc.NOSPACE), rpc.AlarmResponse),
    (ALARM, rpc.AlarmRequest(action=RAISE, alarm=rpc.NOSPACE, memberID=5), rpc.AlarmResponse),
    (ALARM, rpc.AlarmRequest(), rpc.AlarmResponse),
    (ALARM, rpc.AlarmRequest(alarm=rpc.CORRUPT), rpc.AlarmResponse),
    put(b"refused"),
    ("Lease/LeaseGrant", rpc.LeaseGrantRequest(TTL=5, ID=9), rpc.LeaseGrantResponse),
    ("KV/DeleteRange", rpc.DeleteRangeRequest(key=b"x"), rpc.DeleteRangeResponse),
    ("Maintenance/Status", rpc.StatusRequest(), rpc.StatusResponse),
    (ALARM, rpc.AlarmRequest(action=TAKE_BACK, alarm=rpc.NOSPACE, memberID=6), rpc.AlarmResponse),
    (ALARM, rpc.AlarmRequest(action=TAKE_BACK, alarm=rpc.NOSPACE), rpc.AlarmResponse),
    (ALARM, rpc.AlarmRequest(action=TAKE_BACK, alarm=rpc.NOSPACE, memberID=5), rpc.AlarmResponse),
    (ALARM, rpc.AlarmRequest(action=RAISE, alarm=rpc.CORRUPT), rpc.AlarmResponse),
    put(b"refused"),
    ("KV/Range", rpc.RangeRequest(key=b"x"), rpc.RangeResponse),
    (ALARM, rpc.AlarmRequest(action=TAKE_BACK, alarm=rpc.CORRUPT), rpc.AlarmResponse),
    put(b"taken"),
]


async def calls(channel: aio.Channel) -> Told:
    return [
        (f"{method} {request}", await ask(channel, method, request, answer))
        for method, request, answer in CALLS
    ]


async def watches(channel: aio.Channel) -> Told:
    """Watch in odd ways; each step reads as many responses as both must give."""
    told: Told = []
    watch = WatchCall(channel)

    async def step(name: str, responses: int, **request: Message) -> None:
        if request:
            await watch.send(**request)
        found = sorted([plain(await watch.read()) for _ in range(responses)])
        told.append((name, found))

    progress = {"progress_request": rpc.WatchProgressRequest()}
    await step("progress of nothing", 1, **progress)
    await step("picked id", 1, create_request=Create(key=b"a"))
    await step("given id", 1, create_request=Create(key=b"a", watch_id=7))
    await step("the same id", 1, create_request=Create(key=b"a", watch_id=7))
    await step("negative id", 1, create_request=Create(key=b"none", watch_id=-3))
    await step("empty range", 1, create_request=Create(key=b"b", range_end=b"a"))
    await step("no key", 1, create_request=Create())
    await step("future", 1, create_request=Create(key=b"a", start_revision=100))
    for number in range(4):
        await call(channel, *put(b"%d" % number))
        await step("told", 2)
    revision = (
        await call(channel, "KV/Range", rpc.RangeRequest(key=b"a"), rpc.RangeResponse)
    ).header.revision
    old = Create(key=b"a", start_revision=revision - 2, prev_kv=True)
    await step("from the past", 2, create_request=old)
    await step("from the first", 2, create_request=Create(key=b"a", start_revision=1))
    await call(
        channel, "KV/Compact", rpc.CompactionRequest(revision=revision - 1), rpc.CompactionResponse
    )
    at = Create(key=b"a", start_revision=revision - 1, prev_kv=True)
    await step("from the compact revision", 2, create_request=at)
    await step("from below it", 2, create_request=old)
    await step("cancel", 1, cancel_request=rpc.WatchCancelRequest(watch_id=7))
    await step("cancel nothing", 0, cancel_request=rpc.WatchCancelRequest(watch_id=1234))
    for filters in ([Create.NOPUT], [Create.NODELETE], [Create.NOPUT, Create.NODELETE]):
        filtered = Create(key=b"f", filters=filters, watch_id=20 + sum(filters) + len(filters))
        await step("filters", 1, create_request=filtered)
    await call(channel, "KV/Put", rpc.PutRequest(key=b"f", value=b"1"), rpc.PutResponse)
    await call(channel, "KV/DeleteRange", rpc.DeleteRangeRequest(key=b"f"), rpc.DeleteRangeResponse)
    await step("told by the filters", 2)
    await call(
        channel, "Lease/LeaseGrant", rpc.LeaseGrantRequest(TTL=60, ID=99), rpc.LeaseGrantResponse
    )
    await step(
        "one watch of all",
        1,
        create_request=Create(key=b"\0", range_end=b"\0", watch_id=50, prev_kv=True),
    )
    for key in (b"m/1", b"m/2"):
        await call(
            channel, "KV/Put", rpc.PutRequest(key=key, value=b"1", lease=99), rpc.PutResponse
        )
        await step("with a lease", 1)
    await call(channel, "Lease/LeaseRevoke", rpc.LeaseRevokeRequest(ID=99), rpc.LeaseRevokeResponse)
    await step("a lease's keys go as one", 1)
    await watch.end()
    return told


ON_PURPOSE: Final = "from the compact revision"
"""A real one tells what it still has of that revision, which lacks a delete; ours cancels: a watch
that begins is told everything."""


@pytest.mark.parametrize(("session", "different"), [(calls, []), (watches, [ON_PURPOSE])])
def test_sessions_are_answered_as_by_a_real_etcd(
    session: Callable[[aio.Channel], Awaitable[Told]],
    different: list[str],
    start_etcd: StartEtcd,  # noqa: F811  # the fixture
) -> None:
    endpoint = start_etcd(EtcdOptions()).endpoints[0]

    mine = asyncio.run(ours(session))
    theirs = asyncio.run(of(session, endpoint))

    pairs = list(zip(mine, theirs, strict=True))
    assert [pair for pair in pairs if pair[0] != pair[1] and pair[0][0] not in different] == []
    assert [got[0] for got, want in pairs if got != want] == different


async def ours(session: Callable[[aio.Channel], Awaitable[Told]]) -> Told:
    async with served() as etcd:
        return await session(etcd.channel)


async def of(session: Callable[[aio.Channel], Awaitable[Told]], endpoint: str) -> Told:
    async with aio.insecure_channel(endpoint) as channel:
        return await session(channel)
