"""What it means for a store that a request of etcd's v2 API fails.

**Did it happen?** A write that was never sent, or that etcd has judged (statuses from 300 to 499:
by the key's state, by its form, by who asks), has not happened. Of the answers from 500 on the same
is certain where they say that nobody has taken it: our own served etcd where it is read-only, or
has closed its store; a proxy of etcd's that only reads (501), or that knows nobody to pass anything
to. Everything else nobody knows: a deadline, a connection that broke, any other answer from 500 on.
etcd gives error 300 after it has proposed the write to the others (it timed out, lost its leader,
is stopping: it may happen yet), and its proxy a 502 after it has passed it on.
"""

from __future__ import annotations

from typing import Final

import orjson

from storage.errors import ReadOnlyError, StoreClosedError, StoreError, StoreUnavailableError
from storage.etcd2.errors import MESSAGES, Code
from storage.remote.http1.connection import Answer
from storage.remote.http1.failures import Fault, HttpError

NO_KEYS_API: Final = "does not serve etcd's v2 API (etcd 3.4 does with --enable-v2)"

READ_ONLY: Final = str(ReadOnlyError(""))
"""How our served etcd begins the cause of error 300 where it writes nothing; the alarm follows."""
CLOSED: Final = "the store is closed"
"""The whole of that cause where it has closed its store."""
NOBODY: Final = b"httpproxy: zero endpoints currently available"
"""What etcd's proxy says that knows no member, with status 503."""
NOT_IMPLEMENTED: Final = (501, 505)
"""Statuses of who does not do what was asked; so etcd's proxy answers writes that only reads."""


class CallError(Exception):
    """A request has no answer that could be used."""

    def __init__(self, details: str, fault: Fault | None = None) -> None:
        super().__init__(details)
        self.details = details
        self.fault = fault
        """None: there was an answer, but a member that is not well gave it."""

    @property
    def refused(self) -> bool:
        """Nothing was done and nothing will be; trying again is safe."""
        return self.fault is Fault.NOT_SENT

    @property
    def passing(self) -> bool:
        """It may go better at another member, or later."""
        return self.fault is not Fault.CLOSED


class RefusedError(Exception):
    """etcd has judged a request, and has done nothing."""

    def __init__(self, code: int, message: str, cause: str, index: int) -> None:
        super().__init__(f"{message} ({cause})" if cause else message)
        self.code = code
        """Of ``Code``; 0: the answer is none of the v2 API's."""
        self.cause = cause
        self.index = index
        """The store's index when it was judged."""

    @property
    def read_only(self) -> bool:
        """The store takes no writes now; it can be read, but not through its log."""
        return self.code == Code.RAFT_INTERNAL and self.cause.startswith(READ_ONLY)


def unanswered(error: HttpError) -> CallError:
    """Return what a request without an answer means."""
    return CallError(error.details, error.fault)


def refusal(answer: Answer) -> RefusedError:
    """Return what an answer that is no success says."""
    try:
        told = orjson.loads(answer.body)
        code, message = int(told["errorCode"]), str(told["message"])
        return RefusedError(code, message, str(told.get("cause", "")), int(told.get("index", 0)))
    except (ValueError, TypeError, KeyError, AttributeError):
        if answer.status == 404:
            return RefusedError(0, NO_KEYS_API, "", 0)
        if answer.status == 401:
            code = Code.UNAUTHORIZED
            return RefusedError(code, MESSAGES[code], "", 0)
        return RefusedError(0, f"HTTP status {answer.status}", "", 0)


def unwell(answer: Answer) -> CallError | RefusedError:
    """Return what an answer of a member that is not well says: status 500 and above."""
    told = refusal(answer)
    if told.read_only or answer.status in NOT_IMPLEMENTED:
        return told
    internal = told.code == Code.RAFT_INTERNAL
    untouched = (internal and told.cause == CLOSED) or (
        answer.status == 503 and NOBODY in answer.body
    )
    words = f"HTTP status {answer.status}: {told}" if told.code else str(told)
    return CallError(words, Fault.NOT_SENT if untouched else None)


def failure(error: CallError | RefusedError) -> StoreError:
    """Say what a failed read means, or a write that has certainly not happened."""
    if isinstance(error, RefusedError):
        if error.read_only:
            return ReadOnlyError(error.cause.removeprefix(READ_ONLY))
        return StoreError(f"the remote store refuses: {error}")
    if error.fault is Fault.CLOSED:
        return StoreClosedError("the store has been closed")
    return StoreUnavailableError(f"no endpoint answers: {error}")
