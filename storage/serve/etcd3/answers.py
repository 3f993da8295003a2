"""What the engine did, as etcd's answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serialization.api.etcd.kv_pb2 import KeyValue as KeyValueMessage
from serialization.api.etcd.rpc_pb2 import (
    DeleteRangeResponse,
    PutResponse,
    RangeResponse,
    ResponseHeader,
    ResponseOp,
    TxnResponse,
)
from storage.mvcc import Deleted, OpDone, PutDone, Ranged, TxnDone
from storage.records import KeyValue


def key_value(state: KeyValue) -> KeyValueMessage:
    """Return a key's state as a message."""
    key, value, revision, create_revision, version, lease = state
    return KeyValueMessage(
        key=key,
        value=value,
        mod_revision=revision,
        create_revision=create_revision,
        version=version,
        lease=lease,
    )


def range_answer(found: Ranged, header: ResponseHeader) -> RangeResponse:
    """Return the answer to a range."""
    return RangeResponse(
        header=header,
        kvs=[key_value(each) for each in found.kvs],
        more=found.more,
        count=found.total,
    )


def put_answer(done: PutDone, header: ResponseHeader) -> PutResponse:
    """Return the answer to a put."""
    if done.previous is None:
        return PutResponse(header=header)
    return PutResponse(header=header, prev_kv=key_value(done.previous))


def delete_answer(done: Deleted, header: ResponseHeader) -> DeleteRangeResponse:
    """Return the answer to a delete."""
    return DeleteRangeResponse(
        header=header,
        deleted=done.deleted,
        prev_kvs=[key_value(each) for each in done.previous],
    )


def txn_answer(done: TxnDone, header: ResponseHeader) -> TxnResponse:
    """Return the answer to a transaction.

    The answers within it tell in their headers the revision that each saw or made: the one before
    the transaction until its first write, from then on the transaction's own. Those of nested
    transactions themselves say nothing there, as etcd's do not.
    """
    revision = done.revision
    before = revision - 1 if writes(done.results) else revision
    return TxnResponse(
        header=header,
        succeeded=done.succeeded,
        responses=list(_Branch(before).answers(done.results)),
    )


def writes(results: Sequence[OpDone]) -> bool:
    """Say whether any of the operations wrote."""
    return any(_wrote(each) for each in results)


def _wrote(done: OpDone) -> bool:
    if isinstance(done, TxnDone):
        return writes(done.results)
    return isinstance(done, PutDone) or (isinstance(done, Deleted) and done.deleted > 0)


class _Branch:
    """Goes through the operations of a transaction in order; ``revision`` is what they see."""

    def __init__(self, before: int) -> None:
        self._before = before
        self._wrote = False

    def answers(self, results: Sequence[OpDone]) -> Iterator[ResponseOp]:
        """Yield their answers."""
        for done in results:
            if isinstance(done, TxnDone):
                nested = TxnResponse(
                    header=ResponseHeader(),
                    succeeded=done.succeeded,
                    responses=list(self.answers(done.results)),
                )
                yield ResponseOp(response_txn=nested)
                continue
            self._wrote = self._wrote or _wrote(done)
            header = ResponseHeader(revision=self._before + self._wrote)
            if isinstance(done, Ranged):
                yield ResponseOp(response_range=range_answer(done, header))
            elif isinstance(done, PutDone):
                yield ResponseOp(response_put=put_answer(done, header))
            else:
                yield ResponseOp(response_delete_range=delete_answer(done, header))
