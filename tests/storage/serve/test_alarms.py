"""What forbids writes: an engine whose file is full, and what clients have raised."""

from __future__ import annotations

from pathlib import Path

import pytest
from grpc import StatusCode

from serialization.api.etcd.rpc_pb2 import (
    NOSPACE,
    AlarmRequest,
    AlarmResponse,
    DeleteRangeRequest,
    DeleteRangeResponse,
    LeaseGrantRequest,
    LeaseGrantResponse,
    PutRequest,
    PutResponse,
    RangeRequest,
    RangeResponse,
    RequestOp,
    StatusRequest,
    StatusResponse,
    TxnRequest,
    TxnResponse,
)
from storage.clock import SystemClock
from storage.engine.committer import InlineCommitter
from storage.engine.store import EngineStore, Parts
from storage.etcd3.backend import Etcd3Backend
from storage.registry import ETCD3
from tests.storage.serve.served import Served, refusal, served

FULL = (StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded")
MAP_BYTES = 1 << 20


def small_store(path: Path) -> EngineStore:
    """Return a store whose file must not grow."""
    backend = Etcd3Backend(path, sync=False, map_bytes=MAP_BYTES, map_max_bytes=MAP_BYTES)
    clock = SystemClock()
    return EngineStore(Parts(backend, InlineCommitter(clock), clock, ETCD3))


async def alarms(etcd: Served) -> list[tuple[int, int]]:
    """Return the alarms as (member, kind)."""
    answer = await etcd.call("Maintenance/Alarm", AlarmRequest(), AlarmResponse)
    return [(each.memberID, each.alarm) for each in answer.alarms]


@pytest.mark.slow
async def test_a_full_file_shows_as_an_alarm_and_reads_go_on(tmp_path: Path) -> None:
    async with served(store=small_store(tmp_path)) as etcd:
        await etcd.put(b"a", b"stays")
        large = PutRequest(key=b"b", value=bytes(1_200_000))

        refused = await refusal(etcd.call("KV/Put", large, PutResponse))
        shown = await alarms(etcd)
        status = await etcd.call("Maintenance/Status", StatusRequest(), StatusResponse)
        read = await etcd.call("KV/Range", RangeRequest(key=b"a"), RangeResponse)

    member = etcd.serving.member_id
    assert refused == FULL
    assert shown == [(member, NOSPACE)]
    assert list(status.errors) == [f"memberID:{member} alarm:NOSPACE "]
    assert read.kvs[0].value == b"stays"


async def test_a_raised_alarm_forbids_what_takes_space() -> None:
    put = PutRequest(key=b"a", value=b"v")
    async with served() as etcd:
        await etcd.put(b"a")
        request = AlarmRequest(action=AlarmRequest.ACTIVATE, alarm=NOSPACE)
        await etcd.call("Maintenance/Alarm", request, AlarmResponse)

        txn = TxnRequest(failure=[RequestOp(request_put=put)])
        lease = LeaseGrantRequest(TTL=10)
        refused = [
            await refusal(etcd.call("KV/Put", put, PutResponse)),
            await refusal(etcd.call("KV/Txn", txn, TxnResponse)),
            await refusal(etcd.call("Lease/LeaseGrant", lease, LeaseGrantResponse)),
        ]
        delete = DeleteRangeRequest(key=b"a")
        deleted = await etcd.call("KV/DeleteRange", delete, DeleteRangeResponse)
        request.action = AlarmRequest.DEACTIVATE
        await etcd.call("Maintenance/Alarm", request, AlarmResponse)
        revision = await etcd.put(b"a")

    assert refused == [FULL] * 3
    assert deleted.deleted == 1
    assert revision == 4
