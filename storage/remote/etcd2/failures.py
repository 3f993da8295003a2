"""What it means for a store that a request of etcd's v2 API fails.

**Did it happen?** A write that was never sent, or that etcd has judged (an answer below 500), has
not happened. Everything else nobody knows: a deadline, a connection that broke, and every answer
from 500 on, for etcd gives them after it has proposed the write to the others (300: it timed out,
it lost its leader, it is stopping), and a proxy may have passed it on.
"""

from __future__ import annotations

from typing import Final

import orjson

from storage.errors import StoreClosedError, StoreError, StoreUnavailableError
from storage.etcd2.errors import MESSAGES, Code
from storage.remote.http1.connection import Answer
from storage.remote.http1.failures import Fault, HttpError

NO_KEYS_API: Final = "does not serve etcd's v2 API (etcd 3.4 does with --enable-v2)"


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


def unwell(answer: Answer) -> CallError:
    """Return what an answer of a member that is not well says: status 500 and above."""
    told = refusal(answer)
    return CallError(f"HTTP status {answer.status}: {told}" if told.code else str(told))


def failure(error: CallError | RefusedError) -> StoreError:
    """Say what a failed read means, or a write that has certainly not happened."""
    if isinstance(error, RefusedError):
        return StoreError(f"the remote store refuses: {error}")
    if error.fault is Fault.CLOSED:
        return StoreClosedError("the store has been closed")
    return StoreUnavailableError(f"no endpoint answers: {error}")
