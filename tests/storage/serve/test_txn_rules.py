"""Which transactions are refused for their keys and their size: what a real etcd 3.4 does, too.

The table was checked against it; ``test_beside_real`` finds more of the kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

from serialization.api.etcd.rpc_pb2 import (
    Compare,
    DeleteRangeRequest,
    PutRequest,
    RequestOp,
    TxnRequest,
)
from storage.serve.etcd3.errors import DUPLICATE_KEY, TOO_MANY_OPS, RefusedError
from storage.serve.etcd3.requests import txn_op
from storage.serve.etcd3.txn_rules import check_keys


def put(key: bytes) -> RequestOp:
    return RequestOp(request_put=PutRequest(key=key))


def delete(key: bytes, end: bytes = b"") -> RequestOp:
    return RequestOp(request_delete_range=DeleteRangeRequest(key=key, range_end=end))


def nested(success: Sequence[RequestOp] = (), failure: Sequence[RequestOp] = ()) -> RequestOp:
    return RequestOp(request_txn=TxnRequest(success=success, failure=failure))


REFUSED: Final = {
    "two puts of a key": [put(b"a"), put(b"a")],
    "a put and a delete of a key": [put(b"a"), delete(b"a")],
    "a put within a deleted range": [delete(b"a", b"c"), put(b"b")],
    "at the start of a deleted range": [delete(b"a", b"c"), put(b"a")],
    "two nested puts": [nested([put(b"a")]), nested([put(b"a")])],
    "a nested put and one beside it": [put(b"a"), nested([put(b"a")])],
    "in either branch, then beside": [nested([put(b"a")], [put(b"a")]), put(b"a")],
    "a nested put, another's other branch": [nested([put(b"a")]), nested([], [put(b"a")])],
    "a nested put in what is deleted beside": [nested([put(b"b")]), delete(b"a", b"c")],
    "a nested delete, then a put": [nested([delete(b"a")]), put(b"a")],
    "a nested delete, then a nested put": [nested([delete(b"a")]), nested([put(b"a")])],
    "a delete two levels down": [nested([], [nested([delete(b"d", b"e")])]), put(b"d")],
    "within one nested transaction": [nested([put(b"a"), put(b"a")])],
}
ACCEPTED: Final = {
    "different keys": [put(b"a"), put(b"b")],
    "the same in branches that exclude each other": [nested([put(b"a")], [put(b"a")])],
    "at the end of a deleted range": [delete(b"a", b"c"), put(b"c")],
    "two deletes of a key": [delete(b"a"), delete(b"a", b"b")],
    "a nested put, then a nested delete": [nested([put(b"a")]), nested([delete(b"a")])],
    "within a range without an end": [delete(b"a", b"\0"), put(b"b")],
    "within a range that is none": [delete(b"c", b"a"), put(b"b")],
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_branch_that_could_write_a_key_twice_is_refused(name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_keys(TxnRequest(success=REFUSED[name]))
    assert caught.value.refusal == DUPLICATE_KEY

    with pytest.raises(RefusedError):
        check_keys(TxnRequest(failure=REFUSED[name]))


@pytest.mark.parametrize("name", ACCEPTED)
def test_keys_that_cannot_meet_are_accepted(name: str) -> None:
    check_keys(TxnRequest(success=ACCEPTED[name], failure=ACCEPTED[name]))


def test_the_branches_of_a_transaction_are_looked_at_each_for_itself() -> None:
    check_keys(TxnRequest(success=[put(b"a")], failure=[put(b"a")]))


def _puts(count: int) -> list[RequestOp]:
    return [put(b"%d" % number) for number in range(count)]


@pytest.mark.parametrize(
    ("request_", "fits"),
    [
        (TxnRequest(success=_puts(8), failure=_puts(8)), True),
        (TxnRequest(success=_puts(9)), False),
        (TxnRequest(failure=_puts(9)), False),
        (TxnRequest(compare=[Compare(key=b"a")] * 9), False),
        (TxnRequest(success=[nested(_puts(7))]), True),
        (TxnRequest(success=[nested(_puts(8))]), False),
        (TxnRequest(success=[nested(_puts(7)), nested(_puts(6))]), False),
        (TxnRequest(success=[nested(_puts(6)), nested([], _puts(6))]), True),
        (TxnRequest(success=[nested([nested(_puts(6))])]), True),
        (TxnRequest(success=[nested([nested(_puts(7))])]), False),
    ],
)
def test_a_level_counts_its_longest_list_and_leaves_the_rest(
    request_: TxnRequest, fits: bool
) -> None:
    if fits:
        txn_op(request_, 8)
        return
    with pytest.raises(RefusedError) as caught:
        txn_op(request_, 8)
    assert caught.value.refusal == TOO_MANY_OPS
