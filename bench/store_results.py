"""The part of the results on the store: what it is, and what the fill cost it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.declared import USUAL, Declared


@dataclass(frozen=True, slots=True)
class MemberUse:
    """What one process of the store says that it did in the fill; null where it does not tell."""

    wal_syncs: int | None = None
    """Syncs of etcd's log: every batch of writes waits for one."""
    backend_commits: int | None = None
    """Commits of its database, ten a second or every 10,000 writes; each waits for the disk, too,
    but nobody's write waits for it."""
    commits: int | None = None
    """Of our engine: every group of writes waits for one, and there is no log beside."""
    sent_bytes: int | None = None
    received_bytes: int | None = None
    """On its clients' connections."""


@dataclass(frozen=True, slots=True)
class StoreUse:
    """The store of a run. All numbers are of the fill, or as at its end."""

    kind: str = ""
    """``embedded`` (in the API server), ``served`` (our engine in a process of its own), ``real``
    (members of an etcd that were started for the run), ``remote`` (one that others run)."""
    version: str = ""
    """Of etcd; empty for ours."""
    url: str = ""
    """What the API servers were told, without password; empty: a name."""
    members: int = 0
    """Processes that keep it; 0: it is in the API server's."""
    apiservers: int = 1
    seconds: float | None = None
    """How long the fill was."""
    syncs: int | None = None
    """Times that it waited for the disk: commits of our engine, else log and database, all members.
    """
    syncs_per_s: float | None = None
    writes: int | None = None
    """Revisions that were given out, and writes that shared one (``--etcd-batch on``)."""
    writes_per_s: float | None = None
    writes_per_sync: float | None = None
    """Over the syncs that writes wait for, at one member: the mean size of a group."""
    writes_per_txn: float | None = None
    """Of the API servers to an etcd, where they join writes (``--etcd-batch on``)."""
    disk_bytes: int | None = None
    """On the disk, all members, logs and snapshots too."""
    db_bytes: int | None = None
    """Of the largest member's database, and how much of it is in use."""
    db_bytes_in_use: int | None = None
    declared: Declared = USUAL
    values: int | None = None
    """Binary values that were written as base64, where the store takes text alone."""
    plain_value_bytes: int | None = None
    wrapped_value_bytes: int | None = None
    """Bytes of those, as they were and as base64."""
    by_member: dict[str, MemberUse] = field(default_factory=dict)
    """By process: ``apiserver``, ``etcd``, ``etcd-1`` and so on."""
