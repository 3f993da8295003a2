"""Our engine beside a real etcd: the same transactions, the same answers, the same revisions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import pytest

from serialization.api.etcd import kv_pb2, rpc_pb2
from storage.engine.store import EngineStore
from storage.errors import (
    CompactedError,
    FutureRevisionError,
    KeyNotFoundError,
    LeaseNotFoundError,
)
from storage.mvcc import (
    Compare,
    CompareTarget,
    Deleted,
    DeleteOp,
    Op,
    OpDone,
    PutDone,
    PutOp,
    Ranged,
    RangeOp,
    Txn,
    TxnDone,
)
from storage.records import KeyValue
from storage.registry import STORES, StoreOptions
from tests.etcd_members import EtcdCluster
from tests.real_etcd import one_member, start_etcd  # noqa: F401  # fixtures
from tests.storage.mvcc.maker import EVERY, LEASES, Maker

STEPS = 400
SEED = 7
"""Not any: etcd 3.4 ends itself ("unexpected error during txn") where a key that a transaction has
deleted is then put with ``ignore_value``; ours answers that there is no such key."""
REFUSALS = {
    "etcdserver: key not found": KeyNotFoundError,
    "etcdserver: requested lease not found": LeaseNotFoundError,
    "etcdserver: mvcc: required revision has been compacted": CompactedError,
    "etcdserver: mvcc: required revision is a future revision": FutureRevisionError,
}
TARGETS = {
    CompareTarget.VERSION: "version",
    CompareTarget.CREATE: "create_revision",
    CompareTarget.MOD: "mod_revision",
    CompareTarget.VALUE: "value",
    CompareTarget.LEASE: "lease",
}


def compare_request(compare: Compare) -> rpc_pb2.Compare:
    request = rpc_pb2.Compare(
        key=compare.span.key,
        range_end=compare.span.end,
        target=rpc_pb2.Compare.CompareTarget.ValueType(compare.target),
        result=rpc_pb2.Compare.CompareResult.ValueType(compare.result),
    )
    setattr(request, TARGETS[compare.target], compare.operand)
    return request


def range_request(op: RangeOp) -> rpc_pb2.RangeRequest:
    return rpc_pb2.RangeRequest(
        key=op.span.key,
        range_end=op.span.end,
        limit=op.limit,
        revision=op.revision,
        sort_order=rpc_pb2.RangeRequest.SortOrder.ValueType(op.order),
        sort_target=rpc_pb2.RangeRequest.SortTarget.ValueType(op.target),
        keys_only=op.keys_only,
        count_only=op.count_only,
        min_mod_revision=op.min_mod_revision,
        max_mod_revision=op.max_mod_revision,
        min_create_revision=op.min_create_revision,
        max_create_revision=op.max_create_revision,
    )


def request_of(op: Op) -> rpc_pb2.RequestOp:
    if isinstance(op, RangeOp):
        return rpc_pb2.RequestOp(request_range=range_request(op))
    if isinstance(op, PutOp):
        put = rpc_pb2.PutRequest(
            key=op.key,
            value=b"" if op.ignore_value else op.value,
            lease=0 if op.ignore_lease else op.lease,
            prev_kv=op.previous,
            ignore_value=op.ignore_value,
            ignore_lease=op.ignore_lease,
        )
        return rpc_pb2.RequestOp(request_put=put)
    if isinstance(op, DeleteOp):
        delete = rpc_pb2.DeleteRangeRequest(
            key=op.span.key, range_end=op.span.end, prev_kv=op.previous
        )
        return rpc_pb2.RequestOp(request_delete_range=delete)
    return rpc_pb2.RequestOp(request_txn=txn_request(op))


def txn_request(txn: Txn) -> rpc_pb2.TxnRequest:
    return rpc_pb2.TxnRequest(
        compare=map(compare_request, txn.compares),
        success=map(request_of, txn.success),
        failure=map(request_of, txn.failure),
    )


def state_of(kv: kv_pb2.KeyValue) -> KeyValue:
    return KeyValue(kv.key, kv.value, kv.mod_revision, kv.create_revision, kv.version, kv.lease)


def found_in(response: rpc_pb2.RangeResponse) -> Ranged:
    return Ranged(list(map(state_of, response.kvs)), response.more, response.count)


def done_in(response: rpc_pb2.ResponseOp) -> OpDone:
    kind = response.WhichOneof("response")
    if kind == "response_range":
        return found_in(response.response_range)
    if kind == "response_put":
        put = response.response_put
        return PutDone(state_of(put.prev_kv) if put.HasField("prev_kv") else None)
    if kind == "response_delete_range":
        gone = response.response_delete_range
        return Deleted(gone.deleted, list(map(state_of, gone.prev_kvs)))
    return txn_done(response.response_txn)


def txn_done(response: rpc_pb2.TxnResponse) -> TxnDone:
    return TxnDone(response.succeeded, list(map(done_in, response.responses)), 0)


class Beside:
    """An engine, and an etcd with the same history."""

    def __init__(self, store: EngineStore, channel: grpc.aio.Channel) -> None:
        self.store = store
        self._txn = channel.unary_unary(
            "/etcdserverpb.KV/Txn",
            rpc_pb2.TxnRequest.SerializeToString,
            rpc_pb2.TxnResponse.FromString,
        )
        self._range = channel.unary_unary(
            "/etcdserverpb.KV/Range",
            rpc_pb2.RangeRequest.SerializeToString,
            rpc_pb2.RangeResponse.FromString,
        )
        self._grant = channel.unary_unary(
            "/etcdserverpb.Lease/LeaseGrant",
            rpc_pb2.LeaseGrantRequest.SerializeToString,
            rpc_pb2.LeaseGrantResponse.FromString,
        )
        self.refused = 0
        self.failed = 0

    async def grant(self, lease: int) -> None:
        await self._grant(rpc_pb2.LeaseGrantRequest(ID=lease, TTL=3600))
        await self.store.leases.grant(3600, lease_id=lease)

    async def transact(self, txn: Txn) -> None:
        try:
            response = await self._txn(txn_request(txn))
        except grpc.aio.AioRpcError as error:
            if error.details() == "etcdserver: duplicate key given in txn request":
                self.refused += 1  # by the server, before the data model is asked
                return
            with pytest.raises(REFUSALS[error.details() or ""]):
                await self.store.txn(txn)
            self.failed += 1
            return
        done = await self.store.txn(txn)
        assert done._replace(revision=0) == txn_done(response), txn
        assert done.revision == response.header.revision, txn

    async def look(self, op: RangeOp) -> None:
        try:
            response = await self._range(range_request(op))
        except grpc.aio.AioRpcError as error:
            with pytest.raises(REFUSALS[error.details() or ""]):
                await self.store.range(op)
            return
        # Go's sort is not stable, but for fewer than 12 elements it is one by insertion, which is.
        assert await self.store.range(op) == (found_in(response), response.header.revision), op


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memory", "etcd3"])
def test_engine_answers_as_etcd_does(
    name: str,
    one_member: EtcdCluster,  # noqa: F811  # the fixture
    tmp_path: Path,
) -> None:
    async def story() -> None:
        options = StoreOptions(data_dir=tmp_path / "ours", sync=False)
        made = STORES[name].make(options)
        assert isinstance(made, EngineStore)
        address = one_member.endpoints[0].removeprefix("http://")
        async with made as store, grpc.aio.insecure_channel(address) as channel:
            beside, maker = Beside(store, channel), Maker(SEED)
            for lease in LEASES:
                await beside.grant(lease)
            for _ in range(STEPS):
                await beside.transact(maker.txn())
                await beside.look(maker.range())
            await beside.look(RangeOp(EVERY))
            assert store.current_revision() > STEPS // 4
            assert beside.failed > 5
            assert beside.refused < STEPS * 0.7

    asyncio.run(story())
