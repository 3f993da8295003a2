"""What the terminal's summary says of the store."""

from __future__ import annotations

from collections.abc import Iterator

from bench.store_results import StoreUse

KINDS = {
    "embedded": "in the API server",
    "served": "our engine, served",
    "real": "etcd",
    "remote": "one that others run, etcd",
}
MIB = 1 << 20


def store_lines(store: StoreUse) -> Iterator[str]:
    """Yield a line on what it is and what the fill cost it; none where nothing was told."""
    if not store.kind or store.syncs is None:
        return
    said = KINDS.get(store.kind, store.kind)
    if store.version:
        said += f" {store.version}"
    if store.members > 1:
        said += f", {store.members} members"
    said += f": {store.syncs:,} syncs{_of_what(store)} in the fill"
    if store.syncs_per_s is not None:
        said += f", {store.syncs_per_s:,.0f} a second"
    if store.writes_per_sync is not None:
        said += f", {store.writes_per_sync:.1f} writes a group"
    if store.writes_per_txn is not None:
        said += f", {store.writes_per_txn:.1f} a Txn"
    if store.disk_bytes is not None:
        said += f", {store.disk_bytes / MIB:,.0f} MiB on the disk"
    yield said


def _of_what(store: StoreUse) -> str:
    """An etcd has a log, and a database for what comes by its v3 protocol."""
    if store.kind not in ("real", "remote"):
        return ""
    committed = any(use.backend_commits is not None for use in store.by_member.values())
    return " of logs and databases" if committed else " of logs"
