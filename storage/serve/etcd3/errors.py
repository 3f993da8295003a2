"""What etcd says when it refuses: one table from our errors to its codes and messages.

Clients look at both: etcd's own Go client turns exactly these texts into its typed errors.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from grpc import StatusCode

from storage.errors import (
    CompactedError,
    FutureRevisionError,
    KeyNotFoundError,
    LeaseExistsError,
    LeaseNotFoundError,
    ReadOnlyError,
    StoreClosedError,
    StoreError,
    StoreUnavailableError,
    UnknownOutcomeError,
)


class Refusal(NamedTuple):
    """How a call ends that is not answered."""

    code: StatusCode
    message: str


class RefusedError(Exception):
    """A request that is refused before the store sees it, or that the store has no error for."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def _invalid(message: str) -> Refusal:
    return Refusal(StatusCode.INVALID_ARGUMENT, f"etcdserver: {message}")


EMPTY_KEY: Final = _invalid("key is not provided")
KEY_NOT_FOUND: Final = _invalid("key not found")
VALUE_PROVIDED: Final = _invalid("value is provided")
LEASE_PROVIDED: Final = _invalid("lease is provided")
DUPLICATE_KEY: Final = _invalid("duplicate key given in txn request")
TOO_MANY_OPS: Final = _invalid("too many operations in txn request")
REQUEST_TOO_LARGE: Final = _invalid("request is too large")
BAD_SORT: Final = _invalid("invalid sort option")
BAD_COMPARE: Final = _invalid("invalid compare option")
COMPACTED: Final = Refusal(
    StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"
)
FUTURE_REVISION: Final = Refusal(
    StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"
)
NO_SPACE: Final = Refusal(
    StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"
)
LEASE_NOT_FOUND: Final = Refusal(StatusCode.NOT_FOUND, "etcdserver: requested lease not found")
LEASE_EXISTS: Final = Refusal(StatusCode.FAILED_PRECONDITION, "etcdserver: lease already exists")
LEASE_TTL_TOO_LARGE: Final = Refusal(StatusCode.OUT_OF_RANGE, "etcdserver: too large lease TTL")
NO_AUTHENTICATION: Final = Refusal(
    StatusCode.FAILED_PRECONDITION, "etcdserver: authentication is not enabled"
)
STOPPED: Final = Refusal(StatusCode.UNAVAILABLE, "etcdserver: server stopped")
NO_LEADER: Final = Refusal(StatusCode.UNAVAILABLE, "etcdserver: no leader")
TIMED_OUT: Final = Refusal(StatusCode.UNAVAILABLE, "etcdserver: request timed out")

REFUSALS: Final[dict[type[StoreError], Refusal]] = {
    CompactedError: COMPACTED,
    FutureRevisionError: FUTURE_REVISION,
    KeyNotFoundError: KEY_NOT_FOUND,  # a put was to keep what is not there
    LeaseNotFoundError: LEASE_NOT_FOUND,
    LeaseExistsError: LEASE_EXISTS,
    ReadOnlyError: NO_SPACE,
    StoreClosedError: STOPPED,
    StoreUnavailableError: NO_LEADER,
    UnknownOutcomeError: TIMED_OUT,
}


def refusal_of(error: StoreError | RefusedError) -> Refusal:
    """Return how a call ends that met ``error``; the most specific entry wins."""
    if isinstance(error, RefusedError):
        return error.refusal
    for kind in type(error).__mro__:
        if kind in REFUSALS:
            return REFUSALS[kind]
    return Refusal(StatusCode.UNKNOWN, f"etcdserver: {error}")
