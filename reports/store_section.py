"""The section of a run's page on its store."""

from __future__ import annotations

from typing import Final

from reports.html import Markup, element, facts, join, table
from reports.store_model import StoreUse
from reports.wording import NOT_MEASURED, counted, process_title, size, whole, with_unit

KINDS: Final = {
    "embedded": "in the API server's process",
    "served": "our engine in a process of its own, over its gRPC face",
    "real": "a real etcd, started for this run",
    "remote": "one that others run",
}
NOTE: Final = (
    "All of it in the fill, or as at its end. Writes wait for the syncs of etcd's log, or for our "
    "engine's commits; etcd commits its database beside. A group is what one such sync makes "
    "durable."
)


def described(store: StoreUse) -> str:
    """Return what the store is, in a line."""
    said = KINDS.get(store.kind, store.kind)
    if store.version:
        said += f", etcd {store.version}"
    if store.members > 1:
        said += f", {counted(store.members, 'member')}"
    return said + (f", {store.apiservers} API servers on it" if store.apiservers > 1 else "")


def store_section(store: StoreUse) -> Markup:
    """Return what it is, what it did, and each member's part."""
    shown = facts(
        (
            ("what it is", described(store)),
            ("address", store.url),
            ("syncs", _count(store.syncs, store.syncs_per_s)),
            ("writes", _count(store.writes, store.writes_per_s)),
            ("writes a group", with_unit(store.writes_per_sync, "")),
            ("on the disk", _size(store.disk_bytes)),
            ("database", _size(store.db_bytes)),
            ("of that in use", _size(store.db_bytes_in_use)),
        )
    )
    rows = (
        (
            process_title(name),
            *(
                NOT_MEASURED if value is None else whole(value)
                for value in (use.wal_syncs, use.backend_commits, use.commits)
            ),
            *(_size(value) or NOT_MEASURED for value in (use.sent_bytes, use.received_bytes)),
        )
        for name, use in store.by_member.items()
    )
    heads = ("process", "log syncs", "database commits", "engine commits", "sent", "received")
    parts = [shown]
    if store.by_member:
        parts.append(table(heads, rows, labels=1))
    return join((*parts, element("p", NOTE, style="missing")))


def _count(count: float | None, per_s: float | None) -> str:
    if count is None:
        return ""
    return whole(count) + ("" if per_s is None else f" ({with_unit(per_s, 'a second')})")


def _size(value: float | None) -> str:
    return "" if value is None else size(value)
