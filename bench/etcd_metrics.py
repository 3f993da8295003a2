"""What an etcd tells of itself: its /metrics, under names of ours."""

from __future__ import annotations

from typing import Final

from bench.measurements.exposition import parse
from cluster.client.exchange import Request
from cluster.client.interface import TransportError
from cluster.client.transport import HttpTransport, TransportOptions
from storage.clock import Clock

SCRAPE_S_MAX: Final = 5.0
WAL_SYNCS: Final = "etcd_wal_fsyncs"
BACKEND_COMMITS: Final = "etcd_backend_commits"
DB_BYTES: Final = "etcd_db_bytes"
DB_BYTES_IN_USE: Final = "etcd_db_bytes_in_use"
DISK_BYTES: Final = "etcd_disk_bytes"
"""Of all its files; only where we know them."""
RECEIVED_BYTES: Final = "etcd_received_bytes"
SENT_BYTES: Final = "etcd_sent_bytes"
NAMES: Final = {
    "etcd_disk_wal_fsync_duration_seconds_count": WAL_SYNCS,
    "etcd_disk_wal_fsync_duration_seconds_sum": "etcd_wal_fsync_s",
    "etcd_disk_backend_commit_duration_seconds_count": BACKEND_COMMITS,
    "etcd_disk_backend_commit_duration_seconds_sum": "etcd_backend_commit_s",
    "etcd_mvcc_db_total_size_in_bytes": DB_BYTES,
    "etcd_mvcc_db_total_size_in_use_in_bytes": DB_BYTES_IN_USE,
    "etcd_server_proposals_applied_total": "etcd_proposals_applied",
    "etcd_server_leader_changes_seen_total": "etcd_leader_changes",
    "etcd_server_slow_apply_total": "etcd_slow_applies",
    "etcd_network_client_grpc_received_bytes_total": RECEIVED_BYTES,
    "etcd_network_client_grpc_sent_bytes_total": SENT_BYTES,
}
OF_GENERATION_3: Final = frozenset(
    (
        BACKEND_COMMITS,
        "etcd_backend_commit_s",
        DB_BYTES,
        DB_BYTES_IN_USE,
        RECEIVED_BYTES,
        SENT_BYTES,
    )
)
"""They speak of the database and of gRPC: of nothing that comes by the v2 protocol."""
LEADS: Final = "etcd_server_is_leader"
VERSION: Final = "etcd_server_version"


class EtcdFace:
    """The plain HTTP side of one member; ``async with`` closes its connection."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._transport = HttpTransport(TransportOptions(url), clock)

    async def __aenter__(self) -> EtcdFace:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._transport.__aexit__(None, None, None)

    async def healthy(self) -> bool:
        """Return whether it can read and write, which takes a leader."""
        answer = await self._get("/health")
        return b'"true"' in answer

    async def metrics(self, timeout_s: float = SCRAPE_S_MAX) -> str:
        """Return its /metrics; empty where there was no answer."""
        return (await self._get("/metrics", timeout_s)).decode("utf-8", "replace")

    async def _get(self, path: str, timeout_s: float = SCRAPE_S_MAX) -> bytes:
        try:
            answer = await self._transport.request(Request("GET", path), timeout_s=timeout_s)
        except TransportError:
            return b""
        return answer.body if answer.code == 200 else b""


def etcd_counters(text: str, generation: int = 3) -> dict[str, float]:
    """Return counters and gauges by our names, as far as they are about this ``generation``."""
    found: dict[str, float] = {}
    left_out = OF_GENERATION_3 if generation == 2 else ()
    for series in parse(text, *NAMES):
        name = NAMES[series.name]
        if name in left_out:
            continue
        found[name] = found.get(name, 0.0) + series.value
    return found


def etcd_leads(text: str) -> bool:
    """Say whether who tells this /metrics takes itself for the leader."""
    return any(series.value == 1.0 for series in parse(text, LEADS))


def etcd_version(text: str) -> str:
    """Return the version that a /metrics tells; empty where it tells none."""
    return next((s.labels.get("server_version", "") for s in parse(text, VERSION)), "")
