"""Requests as the engine's operations, and what etcd refuses on the way."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from serialization.api.etcd.rpc_pb2 import Compare as CompareRequest
from serialization.api.etcd.rpc_pb2 import (
    DeleteRangeRequest,
    PutRequest,
    RangeRequest,
    RequestOp,
    TxnRequest,
)
from storage.mvcc import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteOp,
    Op,
    PutOp,
    RangeOp,
    SortOrder,
    SortTarget,
    Span,
    Txn,
)
from storage.serve.etcd3.errors import (
    BAD_COMPARE,
    BAD_SORT,
    EMPTY_KEY,
    KEY_NOT_FOUND,
    LEASE_PROVIDED,
    VALUE_PROVIDED,
    RefusedError,
)
from storage.serve.etcd3.txn_rules import check_size

ORDERS: Final = tuple(SortOrder)
SORT_TARGETS: Final = tuple(SortTarget)
RESULTS: Final = tuple(CompareResult)
TARGETS: Final = tuple(CompareTarget)
OPERANDS: Final = tuple(
    attrgetter(name) for name in ("version", "create_revision", "mod_revision", "value", "lease")
)
"""By target. One that the request does not set, or sets another in its place, is zero."""


def range_op(request: RangeRequest) -> RangeOp:
    """Translate a range. Raises RefusedError."""
    if not request.key:
        raise RefusedError(EMPTY_KEY)
    order, target = SortOrder.NONE, SortTarget.KEY
    if request.sort_order or request.sort_target:
        order, target = _sorting(request)
    return RangeOp(
        Span(request.key, request.range_end),
        max(0, request.limit),
        max(0, request.revision),
        order,
        target,
        request.keys_only,
        request.count_only,
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    )


def _sorting(request: RangeRequest) -> tuple[SortOrder, SortTarget]:
    order, target = request.sort_order, request.sort_target
    if not (0 <= order < len(ORDERS) and 0 <= target < len(SORT_TARGETS)):
        raise RefusedError(BAD_SORT)
    if target and not order:  # who names what to sort by, but not how, means upwards
        return SortOrder.ASCEND, SORT_TARGETS[target]
    return ORDERS[order], SORT_TARGETS[target]


def put_op(request: PutRequest) -> PutOp:
    """Translate a put. Raises RefusedError."""
    key, value, lease = request.key, request.value, request.lease
    if not key:
        raise RefusedError(EMPTY_KEY)
    if request.ignore_value and value:
        raise RefusedError(VALUE_PROVIDED)
    if request.ignore_lease and lease:
        raise RefusedError(LEASE_PROVIDED)
    return PutOp(key, value, lease, request.prev_kv, request.ignore_value, request.ignore_lease)


def delete_op(request: DeleteRangeRequest) -> DeleteOp:
    """Translate a delete. Raises RefusedError."""
    if not request.key:
        raise RefusedError(EMPTY_KEY)
    return DeleteOp(Span(request.key, request.range_end), request.prev_kv)


def txn_op(request: TxnRequest, ops_left: int) -> Txn:
    """Translate a transaction and those nested in it, ``ops_left`` deep. Raises RefusedError."""
    ops_left = check_size(request, ops_left)
    return Txn(
        tuple([_compare(each) for each in request.compare]),
        _operations(request.success, ops_left),
        _operations(request.failure, ops_left),
    )


def _operations(requests: Iterable[RequestOp], ops_left: int) -> tuple[Op, ...]:
    return tuple([_operation(each, ops_left) for each in requests])


def _operation(request: RequestOp, ops_left: int) -> Op:
    kind = request.WhichOneof("request")
    if kind == "request_put":
        return put_op(request.request_put)
    if kind == "request_range":
        return range_op(request.request_range)
    if kind == "request_delete_range":
        return delete_op(request.request_delete_range)
    if kind == "request_txn":
        return txn_op(request.request_txn, ops_left)
    raise RefusedError(KEY_NOT_FOUND)  # etcd's word for an operation that is none


def _compare(request: CompareRequest) -> Compare:
    key, target, result = request.key, request.target, request.result
    if not key:
        raise RefusedError(EMPTY_KEY)
    if not (0 <= target < len(TARGETS) and 0 <= result < len(RESULTS)):
        raise RefusedError(BAD_COMPARE)
    operand: int | bytes = OPERANDS[target](request)
    return Compare(Span(key, request.range_end), TARGETS[target], RESULTS[result], operand)
