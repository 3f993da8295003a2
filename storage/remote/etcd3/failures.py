"""What etcd and gRPC say when a call fails, and what that means for a store.

**Did it happen?** A write whose answer is an error of etcd's own that it gives before it proposes
anything (no leader, too many requests, an invalid token, ...), or whose connection was never made,
has not happened: ``CallError.refused``. For everything else (deadline, a connection that broke, a
leader that changed, any message that is not known here) nobody knows.
"""

from __future__ import annotations

from typing import Final

from storage.errors import (
    CompactedError,
    FutureRevisionError,
    ReadOnlyError,
    StoreClosedError,
    StoreError,
    StoreUnavailableError,
    UnsupportedError,
)
from storage.remote.http2 import failures as http2

NOT_SENT: Final = (
    http2.NOT_SENT,
    "failed to connect to all addresses",
    "DNS resolution failed",
    "name resolver",
)
"""How the clients begin to tell that it had no connection to send a call on."""

NOT_PROPOSED: Final = (
    "etcdserver: no leader",
    "etcdserver: too many requests",
    "etcdserver: not capable",
    "etcdserver: rpc not supported for learner",
)
"""What etcd answers before it proposes anything to the others."""

TOKEN_IS_OLD: Final = (
    "etcdserver: invalid auth token",
    "etcdserver: revision of auth store is old",
    "etcdserver: user name is empty",
)

CLOSED: Final = "the connection has been closed by its owner"

PASSING: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL"})
"""Codes of what another member, or the same one a little later, may well answer."""

UNTRANSLATED: Final = frozenset(
    {"context deadline exceeded", "context canceled", "raft proposal dropped"}
)
"""What etcd lets through in Go's words, as UNKNOWN, while it has no leader: another try may do.
It goes by the deadline that a call shows, so its answer comes in the moment in which ours ends.
"""

COMPACTED: Final = "required revision has been compacted"
FUTURE: Final = "required revision is a future revision"
NO_LEASE: Final = "requested lease not found"
NO_PERMISSION: Final = "etcdserver: permission denied"
"""Also what a watch is told whose token is not valid any more, by some versions."""
NO_USERS: Final = "etcdserver: authentication is not enabled"
NO_SPACE: Final = "database space exceeded"
CORRUPT: Final = "corrupt cluster"


class CallError(Exception):
    """A call failed: gRPC's name of the code, and the details as they were told."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details

    @property
    def refused(self) -> bool:
        """Nothing was done and nothing will be; trying again is safe."""
        if self.details.startswith(NOT_SENT):
            return self.code == "UNAVAILABLE"
        return self.details.startswith(NOT_PROPOSED) or self.token_is_old

    @property
    def passing(self) -> bool:
        """It may go better at another member, or later."""
        if self.code == "UNKNOWN" and self.details in UNTRANSLATED:
            return True
        return (self.code in PASSING and self.details != CLOSED) or self.refused

    @property
    def token_is_old(self) -> bool:
        """Who has a password asks for a new token."""
        return self.details.startswith(TOKEN_IS_OLD)

    @property
    def lease_is_gone(self) -> bool:
        """The lease that was to be attached does not exist; nothing was written."""
        return self.code == "NOT_FOUND" and NO_LEASE in self.details

    @property
    def answered(self) -> bool:
        """Etcd has judged the call, and has done nothing."""
        return self.code not in PASSING and self.code not in ("UNKNOWN", "DATA_LOSS")


def cancelled_watch(reason: str) -> CallError:
    """Return what it means that etcd has cancelled a watch, not for its revision.

    The reason may be a gRPC error in Go's words: ``rpc error: code = Unauthenticated desc = ...``.
    """
    return CallError("UNAVAILABLE", reason.rpartition(" desc = ")[2])


def read_failure(error: CallError, revision: int, oldest: int, current: int) -> StoreError:
    """Say what a failed read of ``revision`` means."""
    if COMPACTED in error.details:
        return CompactedError(revision, oldest)
    if FUTURE in error.details:
        return FutureRevisionError(revision, current)
    if error.passing:
        return StoreUnavailableError(f"no endpoint answers: {error}")
    return write_refusal(error)


def write_refusal(error: CallError) -> StoreError:
    """Say what it means that etcd has refused a write, or any call that is not a read."""
    if error.details == CLOSED:
        return StoreClosedError("the store has been closed")
    if NO_SPACE in error.details:
        return ReadOnlyError("etcd: database space exceeded")
    if CORRUPT in error.details:
        return ReadOnlyError("etcd: corrupt cluster")
    if error.passing:
        return StoreUnavailableError(f"no endpoint answers: {error}")
    if error.code == "UNIMPLEMENTED":
        return UnsupportedError(f"the remote store cannot do this: {error.details}")
    return StoreError(f"the remote store refuses: {error}")
