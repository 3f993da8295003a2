"""Transactions that do nothing but read, spans of keys among it: judged at once, read in turns.

How this works. An engine carries a transaction out in one step, whatever it reads: 60,000 keys held
all others up for a second. Where nothing is written it may as well be judged first, by its compares
and those of the transactions within it alone, and its ranges then be read as of the revision that
it was judged at, as any long range is. Where that has been compacted meanwhile, it is carried out
in one step after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from serialization.api.etcd.rpc_pb2 import ResponseHeader
from storage.errors import CompactedError, FutureRevisionError
from storage.mvcc import Op, RangeOp, Reading, Txn, TxnDone
from storage.serve.etcd3.range_encoding import varint
from storage.serve.etcd3.ranges import Ranges
from storage.serve.etcd3.serving import Serving

# Numbers of fields and how they are encoded, as they stand before each field.
_HEADER: Final = b"\x0a"
_SUCCEEDED: Final = b"\x10\x01"
_RESPONSE: Final = b"\x1a"
_OF_RANGE: Final = b"\x0a"
_OF_TXN: Final = b"\x22"


def reads_spans(txn: Txn) -> bool:
    """Say whether a transaction writes nothing, and may read more than single keys."""
    kinds = list(_kinds(txn))
    return any(kinds) and None not in kinds


def _kinds(txn: Txn) -> Iterator[bool | None]:
    """Yield of each operation, whatever is chosen: whether it reads a span; None: it writes."""
    for branch in (txn.success, txn.failure):
        for op in branch:
            if isinstance(op, Txn):
                yield from _kinds(op)
            elif isinstance(op, RangeOp):
                yield bool(op.span.end) and not op.count_only
            else:
                yield None


class TxnReads:
    """Answers such transactions."""

    def __init__(self, serving: Serving, ranges: Ranges) -> None:
        self._store = serving.store
        self._header = serving.header
        self._ranges = ranges

    async def answer(self, txn: Txn) -> list[bytes] | None:
        """Return the answer, encoded; None where it must be carried out in one step.

        Raises StoreError.
        """
        done = await self._store.txn(_judged_alone(txn))
        with ExitStack() as stack:
            try:
                found = [
                    stack.enter_context(await self._find(op, done.revision))
                    for op in _chosen(txn, done)
                ]
            except CompactedError:
                return None
            header, seen = self._header(done.revision), ResponseHeader(revision=done.revision)
            return await self._body(txn, done, header, seen, iter(found))

    async def _find(self, op: RangeOp, judged_at: int) -> Reading:
        if op.revision > judged_at:
            raise FutureRevisionError(op.revision, judged_at)
        return await self._ranges.find(op._replace(revision=op.revision or judged_at))

    async def _body(
        self,
        txn: Txn,
        done: TxnDone,
        header: ResponseHeader,
        seen: ResponseHeader,
        found: Iterator[Reading],
    ) -> list[bytes]:
        """Return a transaction's message, in pieces; ``seen`` is the header of each range in it."""
        text = header.SerializeToString()
        pieces = [_HEADER + varint(len(text)) + text + _SUCCEEDED * done.succeeded]
        nested = iter(done.results)
        for op in _branch(txn, done):
            if isinstance(op, Txn):
                inner = next(nested)
                assert isinstance(inner, TxnDone), "of it nothing was carried out but transactions"
                body = await self._body(op, inner, ResponseHeader(), seen, found)
                pieces += _response(_OF_TXN, body)
            else:
                answer = await self._ranges.answer(next(found), seen)
                body = answer if isinstance(answer, list) else [answer]
                pieces += _response(_OF_RANGE, body)
        return pieces


def _judged_alone(txn: Txn) -> Txn:
    """Return its compares, and those of the transactions within it."""
    return Txn(txn.compares, _transactions(txn.success), _transactions(txn.failure))


def _transactions(ops: Sequence[Op]) -> tuple[Txn, ...]:
    return tuple([_judged_alone(op) for op in ops if isinstance(op, Txn)])


def _branch(txn: Txn, done: TxnDone) -> tuple[Op, ...]:
    return txn.success if done.succeeded else txn.failure


def _chosen(txn: Txn, done: TxnDone) -> Iterator[RangeOp]:
    """Yield the ranges that are asked for, in the order of the answer."""
    nested = iter(done.results)
    for op in _branch(txn, done):
        if isinstance(op, Txn):
            inner = next(nested)
            assert isinstance(inner, TxnDone), "of it nothing was carried out but transactions"
            yield from _chosen(op, inner)
        else:
            assert isinstance(op, RangeOp), "it only reads"
            yield op


def _response(kind: bytes, body: list[bytes]) -> list[bytes]:
    """Return what one operation is answered, as a field of the transaction's message."""
    size = varint(sum(map(len, body)))
    inner = kind + size
    whole = varint(len(inner) + sum(map(len, body)))
    return [_RESPONSE + whole + inner + body[0], *body[1:]]
