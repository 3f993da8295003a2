"""What etcd refuses in a transaction before it looks at any key.

Two rules, both over the request alone:

*Size.* A level counts as the longest of its three lists. A level may not count more than what is
left of the bound, and leaves what it does not use to each transaction nested in it.

*One write a key.* No key may be put twice, or put and deleted, where both could happen. What could:
the puts of a level see each other, the deletes of their level, and everything nested in their
branch. The two branches of one nested transaction exclude each other, so they may put the same key.
A nested transaction's puts are held against the puts and deletes of those before it; its deletes
count against what follows.

So etcd does not see that a key is put in one nested transaction and deleted in a later one; nor
that a delete "from a key on" (whose end is a zero byte) holds a key at all. Neither do we: who
sends such a transaction to a real one is answered, and gets the same answer here.
"""

from __future__ import annotations

from collections.abc import Sequence

from serialization.api.etcd.rpc_pb2 import RequestOp, TxnRequest
from storage.serve.etcd3.errors import DUPLICATE_KEY, TOO_MANY_OPS, RefusedError

Interval = tuple[bytes, bytes]
"""A key and the end of its range; an empty end: the key alone."""


def check_size(request: TxnRequest, left: int) -> int:
    """Return what this level leaves to those nested in it. Raises RefusedError."""
    left -= max(len(request.compare), len(request.success), len(request.failure))
    if left < 0:
        raise RefusedError(TOO_MANY_OPS)
    return left


def check_keys(request: TxnRequest) -> None:
    """Raise RefusedError where a branch could write a key twice."""
    for branch in (request.success, request.failure):
        if len(branch) > 1 or (branch and branch[0].WhichOneof("request") == "request_txn"):
            _Branch().take(branch)


class _Branch:
    """The keys that the operations of one branch could write."""

    def __init__(self) -> None:
        self.puts: set[bytes] = set()
        self.deletes: list[Interval] = []

    def take(self, operations: Sequence[RequestOp]) -> None:
        """Add the operations: this level's deletes, what is nested, then this level's puts."""
        kinds = [(operation.WhichOneof("request"), operation) for operation in operations]
        for kind, operation in kinds:
            if kind == "request_delete_range":
                request = operation.request_delete_range
                self.deletes.append((request.key, request.range_end))
        for kind, operation in kinds:
            if kind == "request_txn":
                self._nest(operation.request_txn)
        for kind, operation in kinds:
            if kind == "request_put":
                self._put(operation.request_put.key)

    def _nest(self, request: TxnRequest) -> None:
        either, other = _Branch(), _Branch()
        either.take(request.success)
        other.take(request.failure)
        for key in sorted(either.puts):
            self._put(key)
        for key in sorted(other.puts):
            if key in either.puts:
                self._check_deletes(key)
            else:
                self._put(key)
        self.deletes += either.deletes
        self.deletes += other.deletes

    def _put(self, key: bytes) -> None:
        if key in self.puts:
            raise RefusedError(DUPLICATE_KEY)
        self._check_deletes(key)
        self.puts.add(key)

    def _check_deletes(self, key: bytes) -> None:
        if any(_holds(interval, key) for interval in self.deletes):
            raise RefusedError(DUPLICATE_KEY)


def _holds(interval: Interval, key: bytes) -> bool:
    first, end = interval
    if not end:
        return key == first
    return first <= key < end
