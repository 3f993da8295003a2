"""Random requests to the KV service, of every shape that there is, sense and nonsense."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from google.protobuf.message import Message

from serialization.api.etcd.rpc_pb2 import (
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

KEYS: Final = (b"a", b"aa", b"ab", b"b", b"b\x00", b"ba", b"c", b"d", b"\xff", b"\xff\xff")
"""Fewer than twelve: a real etcd's order of keys that its sorting finds equal is stable so far."""
ENDS: Final = (*KEYS, b"\x00", b"\x01")
ORDERS: Final = (RangeRequest.NONE, *RangeRequest.SortOrder.values())
SORT_TARGETS: Final = (RangeRequest.KEY, *RangeRequest.SortTarget.values())
VALUES: Final = (b"", b"1", b"2", b"3", b"long" * 40)


class Call(NamedTuple):
    """A request, where it goes, and what it is answered."""

    method: str
    request: Message
    answer: type[Message]


class RandomRequests:
    """Makes them from one source of chance; ``revision`` is about where the store stands."""

    def __init__(self, seed: int, lease: int) -> None:
        self._random = Random(seed)
        self._lease = lease
        self.revision = 1

    def next(self) -> Call:
        """Make the next one."""
        kind = self._random.choices(("range", "put", "delete", "txn", "compact"), (6, 6, 3, 8, 1))
        match kind[0]:
            case "range":
                return Call("KV/Range", self._range(), RangeResponse)
            case "put":
                return Call("KV/Put", self._put(), PutResponse)
            case "delete":
                return Call("KV/DeleteRange", self._delete(), DeleteRangeResponse)
            case "txn":
                return Call("KV/Txn", self._txn(0), TxnResponse)
            case _:
                # What a new store is compacted at is a case of its own.
                compaction = CompactionRequest(
                    revision=max(2, self._revision()), physical=self._maybe(0.5)
                )
                return Call("KV/Compact", compaction, CompactionResponse)

    def _maybe(self, share: float) -> bool:
        return self._random.random() < share

    def _key(self) -> bytes:
        return b"" if self._maybe(0.01) else self._random.choice(KEYS)

    def _end(self) -> bytes:
        return b"" if self._maybe(0.4) else self._random.choice(ENDS)

    def _revision(self) -> int:
        return self._random.randint(max(-1, self.revision - 12), self.revision + 1)

    def _some(self, share: float) -> int:
        return self._random.randint(1, self.revision + 1) if self._maybe(share) else 0

    def _range(self) -> RangeRequest:
        random = self._random
        request = RangeRequest(
            key=self._key(),
            range_end=self._end(),
            limit=random.choice((0, 0, 1, 2, 3, -1)),
            revision=self._revision() if self._maybe(0.3) else 0,
            sort_order=random.choice(ORDERS),
            sort_target=random.choice(SORT_TARGETS),
            serializable=self._maybe(0.3),
            keys_only=self._maybe(0.2),
            count_only=self._maybe(0.2),
            min_mod_revision=self._some(0.1),
            max_mod_revision=self._some(0.1),
            min_create_revision=self._some(0.1),
            max_create_revision=self._some(0.1),
        )
        if request.sort_target and not request.sort_order:
            # A real one cuts by key first and sorts what is left; ours sorts, then cuts.
            request.limit = 0
        return request

    def _put(self) -> PutRequest:
        ignore_value, ignore_lease = self._maybe(0.1), self._maybe(0.1)
        return PutRequest(
            key=self._key(),
            value=b"" if ignore_value and self._maybe(0.8) else self._random.choice(VALUES),
            lease=self._random.choices((0, self._lease, 99), (16, 4, 1))[0],
            prev_kv=self._maybe(0.4),
            ignore_value=ignore_value,
            ignore_lease=ignore_lease,
        )

    def _delete(self) -> DeleteRangeRequest:
        return DeleteRangeRequest(key=self._key(), range_end=self._end(), prev_kv=self._maybe(0.5))

    def _txn(self, depth: int) -> TxnRequest:
        return TxnRequest(
            compare=[self._compare() for _ in range(self._random.choice((0, 1, 1, 2)))],
            success=[self._op(depth) for _ in range(self._random.choice((0, 1, 1, 2, 3)))],
            failure=[self._op(depth) for _ in range(self._random.choice((0, 0, 1, 2)))],
        )

    def _op(self, depth: int) -> RequestOp:
        kinds = ("range", "put", "delete", "txn", "none")
        match self._random.choices(kinds, (6, 6, 3, 3 if depth < 3 else 0, 0.1))[0]:
            case "range":
                request = self._range()
                # Below zero is the newest to a real one, but in a transaction sometimes compacted.
                request.revision = max(0, request.revision)
                return RequestOp(request_range=request)
            case "put":
                return RequestOp(request_put=self._put())
            case "delete":
                return RequestOp(request_delete_range=self._delete())
            case "txn":
                return RequestOp(request_txn=self._txn(depth + 1))
            case _:
                return RequestOp()

    def _compare(self) -> Compare:
        random = self._random
        compare = Compare(
            result=random.choice(Compare.CompareResult.values()),
            target=random.choice(Compare.CompareTarget.values()),
            key=self._key(),
            range_end=b"" if self._maybe(0.6) else self._random.choice(ENDS),
        )
        # Mostly the operand that the target asks for, sometimes another one, or none.
        names = ("version", "create_revision", "mod_revision", "value", "lease")
        name = names[compare.target] if self._maybe(0.85) else random.choice((*names, ""))
        if name == "value":
            compare.value = random.choice(VALUES)
        elif name == "version":
            compare.version = random.randint(0, 3)
        elif name == "lease":
            compare.lease = random.choice((0, self._lease))
        elif name:
            setattr(compare, name, random.choice((0, random.randint(0, self.revision))))
        return compare
