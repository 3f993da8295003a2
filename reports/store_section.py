"""The section of a run's page on its store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reports.html import Markup, element, facts, join, table
from reports.store_model import Declared, MemberUse, StoreUse
from reports.wording import NOT_MEASURED, counted, process_title, size, whole, with_unit

KINDS: Final = {
    "embedded": "in the API server's process",
    "served": "our engine in a process of its own, over etcd's protocol",
    "real": "a real etcd, started for this run",
    "remote": "one that others run",
}
ETCD: Final = frozenset(("real", "remote"))
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
            ("address", store.url.replace(",", ", ")),
            (_syncs(store), _count(store.syncs, store.syncs_per_s)),
            ("writes", _count(store.writes, store.writes_per_s)),
            ("writes a group", with_unit(store.writes_per_sync, "")),
            ("writes a Txn", with_unit(store.writes_per_txn, "")),
            ("on the disk", _size(store.disk_bytes)),
            ("database", _size(store.db_bytes)),
            ("of that in use", _size(store.db_bytes_in_use)),
            ("binary values as base64", _wrapped(store)),
            ("what it declares", "; ".join(declared_limits(store.declared))),
        )
    )
    parts = [shown]
    if store.by_member:
        parts.append(_members(store.by_member))
    return join((*parts, element("p", NOTE, style="missing")))


def _syncs(store: StoreUse) -> str:
    """An etcd has a log, and a database for what comes by its v3 protocol."""
    if store.kind not in ETCD:
        return "syncs"
    committed = any(use.backend_commits is not None for use in store.by_member.values())
    return "syncs, of logs and databases" if committed else "syncs, of logs"


def declared_limits(declared: Declared) -> list[str]:
    """Return what a store declares that it cannot do, or not as others, in words."""
    limits = {
        "what it holds ends with its process": not declared.durable,
        "no states of old revisions: lists are whole, a limit is ignored": (
            not declared.old_revisions
        ),
        f"a history of {declared.history_events or 0:,} changes over all keys": (
            declared.history_events is not None
        ),
        "nothing to compact": not declared.compaction,
        "text values: protobuf goes as base64": not declared.binary_values,
        "keys do not count their writes": not declared.versions,
        "revisions that no key of ours has": not declared.dense_revisions,
        "several writes may share a revision": declared.shared_revisions,
    }
    return [limit for limit, holds in limits.items() if holds]


def _wrapped(store: StoreUse) -> str:
    if not store.values or not store.plain_value_bytes or not store.wrapped_value_bytes:
        return ""
    more = store.wrapped_value_bytes / store.plain_value_bytes - 1
    return (
        f"{store.values:,} written: {size(store.plain_value_bytes)} became "
        f"{size(store.wrapped_value_bytes)} ({more:.0%} more)"
    )


def _members(members: Mapping[str, MemberUse]) -> Markup:
    """Return a table, without the columns that none of them has: etcd's are not our engine's."""
    columns: list[tuple[str, list[str]]] = [
        ("process", [process_title(name) for name in members]),
        ("log syncs", [_whole(use.wal_syncs) for use in members.values()]),
        ("database commits", [_whole(use.backend_commits) for use in members.values()]),
        ("engine commits", [_whole(use.commits) for use in members.values()]),
        ("sent", [_size(use.sent_bytes) for use in members.values()]),
        ("received", [_size(use.received_bytes) for use in members.values()]),
    ]
    shown = [(head, texts) for head, texts in columns if any(texts)]
    rows = zip(*([text or NOT_MEASURED for text in texts] for _, texts in shown), strict=True)
    return table([head for head, _ in shown], rows, labels=1)


def _whole(value: float | None) -> str:
    return "" if value is None else whole(value)


def _count(count: float | None, per_s: float | None) -> str:
    if count is None:
        return ""
    return whole(count) + ("" if per_s is None else f" ({with_unit(per_s, 'a second')})")


def _size(value: float | None) -> str:
    return "" if value is None else size(value)
