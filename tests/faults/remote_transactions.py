"""A served etcd of the third generation as a store, with transactions over several keys."""

from __future__ import annotations

from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import Clock
from storage.errors import UnknownOutcomeError
from storage.mvcc import DeleteOp, PutOp, Txn, TxnDone
from storage.remote.etcd3.failures import CallError, write_refusal
from storage.remote.etcd3.requests import delete, put
from storage.remote.etcd3.rpc import TXN
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url


class TransactingStore(RemoteStore):
    """Sends such transactions as the load makes: compares of revisions, puts, deletions."""

    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__(parse_url(url), clock)

    async def txn(self, txn: Txn) -> TxnDone:
        """Send one. Raises what writes of the store raise."""
        request = rpc.TxnRequest()
        for compare in txn.compares:
            assert isinstance(compare.operand, int)
            asked = request.compare.add(key=compare.span.key, mod_revision=compare.operand)
            asked.target = rpc.Compare.MOD
        for op in txn.success:
            if isinstance(op, PutOp):
                put(request, op.key, op.value, 0)
            else:
                assert isinstance(op, DeleteOp)
                delete(request, op.span.key)
        try:
            answer = await self._open().link.write(TXN, request)
        except CallError as error:
            if error.answered or error.refused:
                raise write_refusal(error) from error
            raise UnknownOutcomeError(f"no answer to a transaction: {error}") from error
        return TxnDone(answer.succeeded, [], answer.header.revision)
