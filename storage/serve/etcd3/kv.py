"""The KV service: ranges, writes, transactions, compaction."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.message import Message

from serialization.api.etcd.rpc_pb2 import (
    CompactionRequest,
    CompactionResponse,
    DeleteRangeRequest,
    DeleteRangeResponse,
    PutRequest,
    PutResponse,
    RangeRequest,
    TxnRequest,
    TxnResponse,
)
from storage.errors import KeyNotFoundError
from storage.mvcc import Deleted, PutDone, PutOp, Txn
from storage.serve.etcd3.answers import (
    delete_answer,
    put_answer,
    txn_answer,
)
from storage.serve.etcd3.errors import REQUEST_TOO_LARGE, RefusedError
from storage.serve.etcd3.methods import unary
from storage.serve.etcd3.range_encoding import key_answer
from storage.serve.etcd3.ranges import Ranges
from storage.serve.etcd3.requests import delete_op, put_op, range_op, txn_op
from storage.serve.etcd3.serving import Serving
from storage.serve.etcd3.txn_reads import TxnReads, reads_spans
from storage.serve.etcd3.txn_rules import check_keys

SERVICE: Final = "etcdserverpb.KV"
ENTRY_BYTES: Final = 18
"""What etcd's log entry adds to a write's message, which its bound counts, too."""

NEW: Final = 1
"""The revision of a store that holds nothing. Nothing was written before it; etcd lets it be
compacted all the same."""


def service(serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service over an engine."""
    kv = KV(serving)
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Range": unary(RangeRequest, kv.range),
            "Put": unary(PutRequest, kv.put),
            "DeleteRange": unary(DeleteRangeRequest, kv.delete_range),
            "Txn": unary(TxnRequest, kv.txn),
            "Compact": unary(CompactionRequest, kv.compact),
        },
    )


class KV:
    """Each method takes a request and returns its answer; errors are the store's, or refusals.

    Every read is linearizable: there is one member, and reads see all that was acknowledged.
    """

    def __init__(self, serving: Serving) -> None:
        self._store = serving.store
        self._header = serving.header
        self._alarms = serving.alarms
        self._limits = serving.limits
        self._ranges = Ranges(serving)
        self._reads = TxnReads(serving, self._ranges)
        self._write_bytes = serving.limits.request_bytes - ENTRY_BYTES

    async def range(self, request: RangeRequest) -> bytes | list[bytes]:
        """Read a key or a range of keys; what is long is read in turns, and comes in pieces."""
        if _asks_for_a_key(request):
            return await self._get(request)
        with await self._ranges.find(range_op(request)) as reading:
            return await self._ranges.answer(reading, self._header(reading.revision))

    async def _get(self, request: RangeRequest) -> bytes:
        """Read the state of a key: what an API server asks for most."""
        header = self._header(self._store.current_revision())
        found = await self._store.get(request.key, revision=max(0, request.revision))
        return key_answer(header, found)

    async def put(self, request: PutRequest) -> PutResponse:
        """Write a key."""
        op = put_op(request)
        self._check_bytes(request)
        self._alarms.check_write(takes_space=True)
        try:
            done = await self._store.txn(Txn((), (op,)))
        except KeyNotFoundError:
            if op.lease:  # outside of a transaction etcd asks for the lease first
                await self._store.leases.time_to_live(op.lease)
            raise
        put = done.results[0]
        assert isinstance(put, PutDone), "a put is answered as a put"
        return put_answer(put, self._header(done.revision))

    async def delete_range(self, request: DeleteRangeRequest) -> DeleteRangeResponse:
        """Delete a key or a range of keys."""
        op = delete_op(request)
        self._check_bytes(request)
        self._alarms.check_write(takes_space=False)
        done = await self._store.txn(Txn((), (op,)))
        deleted = done.results[0]
        assert isinstance(deleted, Deleted), "a delete is answered as a delete"
        return delete_answer(deleted, self._header(done.revision))

    async def txn(self, request: TxnRequest) -> TxnResponse | bytes | list[bytes]:
        """Carry out a transaction."""
        txn = txn_op(request, self._limits.txn_ops)
        check_keys(request)
        self._check_bytes(request)
        puts = _may_put(txn)
        self._alarms.check_write(takes_space=puts)
        if not puts and reads_spans(txn):
            answer = await self._reads.answer(txn)
            if answer is not None:
                return answer
        done = await self._store.txn(txn)
        return txn_answer(done, self._header(done.revision))

    async def compact(self, request: CompactionRequest) -> CompactionResponse:
        """Forget what was superseded at or before a revision; physically: wait till it is gone."""
        self._alarms.check_write(takes_space=False)
        if not 0 <= request.revision <= NEW or self._store.oldest_revision() > NEW:
            await self._store.compact(request.revision)
            if request.physical:
                await self._store.removed(request.revision)
        return CompactionResponse(header=self._header(self._store.current_revision()))

    def _check_bytes(self, request: Message) -> None:
        if request.ByteSize() > self._write_bytes:
            raise RefusedError(REQUEST_TOO_LARGE)


def _asks_for_a_key(request: RangeRequest) -> bool:
    """Say whether nothing is asked for but a key's state, and in the usual form."""
    return bool(request.key) and not (
        request.range_end
        or request.sort_order
        or request.sort_target
        or request.keys_only
        or request.count_only
        or request.min_mod_revision
        or request.max_mod_revision
        or request.min_create_revision
        or request.max_create_revision
    )


def _may_put(txn: Txn) -> bool:
    for branch in (txn.success, txn.failure):
        for op in branch:
            if isinstance(op, PutOp) or (isinstance(op, Txn) and _may_put(op)):
                return True
    return False
