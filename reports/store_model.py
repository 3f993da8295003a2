"""The store part of a run's results."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MemberUse:
    """What one process of the store did in the fill."""

    wal_syncs: float | None = None
    backend_commits: float | None = None
    commits: float | None = None
    sent_bytes: float | None = None
    received_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """What the store declared to the API server."""

    durable: bool = True
    old_revisions: bool = True
    history_events: int | None = None
    binary_values: bool = True
    shared_revisions: bool = False
    versions: bool = True
    compaction: bool = True
    dense_revisions: bool = True


@dataclass(frozen=True, slots=True)
class StoreUse:
    """The store of a run; kind is empty where nothing was told."""

    kind: str = ""
    version: str = ""
    url: str = ""
    members: int = 0
    apiservers: int = 1
    seconds: float | None = None
    syncs: float | None = None
    syncs_per_s: float | None = None
    writes: float | None = None
    writes_per_s: float | None = None
    writes_per_sync: float | None = None
    writes_per_txn: float | None = None
    disk_bytes: float | None = None
    db_bytes: float | None = None
    db_bytes_in_use: float | None = None
    declared: Declared = field(default_factory=Declared)
    values: int | None = None
    plain_value_bytes: float | None = None
    wrapped_value_bytes: float | None = None
    by_member: dict[str, MemberUse] = field(default_factory=dict)
