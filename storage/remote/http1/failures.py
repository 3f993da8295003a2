"""How a request fails before an answer is read: what is certain of it. Pure."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """What became of a request that has no answer."""

    NOT_SENT = "not sent"
    """The server knows nothing of it, and never will."""
    BROKEN = "broken"
    """It was sent, at least in part; the connection ended before the answer did."""
    LATE = "late"
    """It was sent, and not answered in time."""
    CLOSED = "closed"
    """Its owner has closed the pool."""


class HttpError(Exception):
    """There is no answer. ``details`` fit on a line."""

    def __init__(self, fault: Fault, details: str) -> None:
        super().__init__(f"{fault}: {details}")
        self.fault = fault
        self.details = details
