"""The part of a run's results on faults in its etcd."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EtcdFault:
    """One fault that was planted; times in seconds."""

    kind: str = ""
    member: str = ""
    at_s: float | None = None
    share: float | None = None
    successor: str = ""
    elected_s: float | None = None
    back_s: float | None = None
    healthy_s: float | None = None
    writes_stood_still_s: float | None = None
    usual_gap_s: float | None = None
    unknown_writes: float | None = None
    refused_writes: float | None = None
    failure: str = ""
