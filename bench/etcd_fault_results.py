"""The part of the results on faults that were planted into the members of a run's own etcd."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EtcdFault:
    """One fault; times are seconds since the run's origin, and null where it did not come to it."""

    kind: str
    """``kill-leader`` (SIGKILL, restarted on its data later) or ``stop-leader`` (SIGSTOP)."""
    member: str
    """Which one led, and was hit."""
    at_s: float
    share: float
    """How much of the fill was running then: what it waited for."""
    successor: str = ""
    """Who led next; empty where nobody was found."""
    elected_s: float | None = None
    """From the fault until another member said that it leads."""
    back_s: float | None = None
    """From the fault until the member was started again, or continued."""
    healthy_s: float | None = None
    """From the fault until all members were healthy again."""
    writes_stood_still_s: float | None = None
    """The longest time without an acknowledged write that began or lasted after the fault."""
    usual_gap_s: float | None = None
    """The longest one of the same part of the run before any fault: what is usual."""
    unknown_writes: int | None = None
    """Writes whose answer never came, or said that nobody knows, until the next fault."""
    refused_writes: int | None = None
    """Writes that were answered 503 meanwhile: nothing was written."""
    failure: str = ""
    """Why it did not go as planned; empty where it did."""
