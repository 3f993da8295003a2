"""What the fill cost the store: its own counters, between the marks of the fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from bench.apiservers import is_store
from bench.etcd_metrics import (
    BACKEND_COMMITS,
    DB_BYTES,
    DB_BYTES_IN_USE,
    DISK_BYTES,
    RECEIVED_BYTES,
    SENT_BYTES,
    WAL_SYNCS,
)
from bench.measurements.exposition import parse
from bench.measurements.written import written
from bench.observed import Observed
from bench.scenarios.stage import Mark
from bench.store_results import MemberUse, StoreUse
from bench.switches import APISERVER

COMMITS: Final = "store_commits"
ENGINE_DISK_BYTES: Final = "store_disk_bytes"
CLIENT_WRITES: Final = "store_client_writes"
CLIENT_TXNS: Final = "store_txns"
CLIENT_BATCHES: Final = "store_batches"
VALUES: Final = "base64_values_written"
PLAIN_BYTES: Final = "base64_plain_bytes"
WRAPPED_BYTES: Final = "base64_wrapped_bytes"
EMBEDDED: Final = {
    "kubedyno_store_commits_total": COMMITS,
    "apiserver_storage_size_bytes": ENGINE_DISK_BYTES,
}
"""What an API server tells of the store in its own process, in its /metrics."""

Counters = Mapping[str, Mapping[str, float]]


def store_use(observed: Observed) -> StoreUse:
    """Return the store part of the results; without numbers where the fill did not end."""
    facts = observed.store
    base = StoreUse(
        kind=facts.kind,
        version=facts.version,
        url=facts.url,
        members=facts.members,
        apiservers=observed.config.apiservers,
        declared=facts.declared,
    )
    fill = observed.phase("fill")
    return base if fill is None else _measured(base, *fill)


def _measured(base: StoreUse, begin: Mark, end: Mark) -> StoreUse:
    seconds = (end.stamp_ns - begin.stamp_ns) / 1e9
    before, after = _told(base, begin), _told(base, end)
    members = {name: _member(before.get(name, {}), told) for name, told in after.items()}
    syncs = [
        count
        for use in members.values()
        for count in (use.wal_syncs, use.backend_commits, use.commits)
        if count is not None
    ]
    awaited = [
        count
        for use in members.values()
        for count in (use.wal_syncs, use.commits)
        if count is not None
    ]
    writes = written(begin, end)
    return replace(
        base,
        seconds=seconds,
        syncs=sum(syncs) if syncs else None,
        syncs_per_s=sum(syncs) / seconds if syncs else None,
        writes=writes,
        writes_per_s=None if writes is None else writes / seconds,
        writes_per_sync=_ratio(writes, max(awaited, default=0)),
        writes_per_txn=_writes_per_txn(begin, end),
        values=_wrapped(begin, end, VALUES),
        plain_value_bytes=_wrapped(begin, end, PLAIN_BYTES),
        wrapped_value_bytes=_wrapped(begin, end, WRAPPED_BYTES),
        disk_bytes=_whole(sum, _gauges(after, DISK_BYTES, ENGINE_DISK_BYTES)),
        db_bytes=_whole(max, _gauges(after, DB_BYTES, ENGINE_DISK_BYTES)),
        db_bytes_in_use=_whole(max, _gauges(after, DB_BYTES_IN_USE)),
        by_member=members,
    )


def _wrapped(begin: Mark, end: Mark, counter: str) -> int | None:
    """Return a counter of what was written as base64 in the fill; None where nothing is."""
    before, after = begin.counters.get(APISERVER, {}), end.counters.get(APISERVER, {})
    if not after.get(VALUES):
        return None
    return int(after[counter] - before.get(counter, 0))


def _told(base: StoreUse, mark: Mark) -> Counters:
    """Return what the store's processes had counted at a mark; those that did not tell are out."""
    if base.kind == "embedded":
        told = {EMBEDDED[s.name]: s.value for s in parse(mark.metrics, *EMBEDDED)}
        return {APISERVER: told} if told else {}
    return {name: told for name, told in mark.counters.items() if is_store(name)}


def _member(before: Mapping[str, float], after: Mapping[str, float]) -> MemberUse:
    def moved(counter: str) -> int | None:
        if counter not in before or counter not in after:
            return None
        difference = int(after[counter] - before[counter])
        return difference if difference >= 0 else None  # a member that was restarted began anew

    return MemberUse(
        wal_syncs=moved(WAL_SYNCS),
        backend_commits=moved(BACKEND_COMMITS),
        commits=moved(COMMITS),
        sent_bytes=moved(SENT_BYTES),
        received_bytes=moved(RECEIVED_BYTES),
    )


def _writes_per_txn(begin: Mark, end: Mark) -> float | None:
    """Return it where writes were joined; without that it is 1, but for conflicts."""

    def moved(counter: str) -> int:
        last, first = end.counters.values(), begin.counters.values()
        return int(sum(t.get(counter, 0) for t in last) - sum(t.get(counter, 0) for t in first))

    return _ratio(moved(CLIENT_WRITES), moved(CLIENT_TXNS)) if moved(CLIENT_BATCHES) else None


def _gauges(counters: Counters, *names: str) -> list[float]:
    return [told[name] for told in counters.values() for name in names if name in told]


def _whole(join: Callable[[list[float]], float], found: list[float]) -> int | None:
    return int(join(found)) if found else None


def _ratio(count: int | None, over: int) -> float | None:
    return count / over if count is not None and over else None
