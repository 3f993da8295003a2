"""What a member says over plain HTTP on its client port: health, version, metrics, as etcd does."""

from __future__ import annotations

import json
import resource
from http import HTTPStatus
from pathlib import Path
from typing import Final

from storage.errors import StoreError
from storage.mvcc import Mvcc
from storage.records import StoreStatus
from storage.serve.etcd3.serving import CLUSTER_VERSION, VERSION, Serving
from storage.serve.http2.plain import NOT_FOUND, Page

JSON: Final = "application/json"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


class PlainPages:
    """The pages of a served engine."""

    def __init__(self, serving: Serving) -> None:
        self._store: Mvcc = serving.store
        self._serving = serving

    async def __call__(self, path: str) -> Page:
        """Return a page by its path."""
        if path == "/health":
            return await self._health()
        if path == "/version":
            told = {"etcdserver": VERSION, "etcdcluster": CLUSTER_VERSION}
            return Page(json.dumps(told, separators=(",", ":")), JSON)
        if path == "/metrics":
            return Page(metrics(await self._store.status()), METRICS)
        return NOT_FOUND

    async def _health(self) -> Page:
        reason = ""
        try:
            status = await self._store.status()
        except StoreError as error:
            reason = str(error)
        else:
            if self._serving.alarms.shown(self._serving.member_id, status.alarm):
                reason = "ALARM NOSPACE" if status.alarm else "ALARM"
        told = {"health": "false" if reason else "true", "reason": reason}
        code = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
        return Page(json.dumps(told, separators=(",", ":")), JSON, code)


def metrics(status: StoreStatus) -> str:
    """Return what dashboards and etcdctl's checks look for, under etcd's names."""
    size = status.disk_bytes or status.logical_bytes
    used = resource.getrusage(resource.RUSAGE_SELF)
    gauges: dict[str, float] = {
        "etcd_server_has_leader": 1,
        "etcd_server_is_leader": 1,
        "etcd_server_proposals_committed_total": status.revision,
        "etcd_mvcc_db_total_size_in_bytes": size,
        "etcd_mvcc_db_total_size_in_use_in_bytes": min(size, status.logical_bytes),
        "etcd_debugging_mvcc_keys_total": status.keys,
        "etcd_debugging_mvcc_current_revision": status.revision,
        "etcd_debugging_mvcc_compact_revision": status.compact_revision,
        "etcd_disk_backend_commits_total": status.commits,
        "process_resident_memory_bytes": _resident_bytes(),
        "process_cpu_seconds_total": used.ru_utime + used.ru_stime,
    }
    lines = [f'etcd_server_version{{server_version="{VERSION}"}} 1']
    lines += [
        f"{name} {value:g}" if value % 1 else f"{name} {value:.0f}"
        for name, value in gauges.items()
    ]
    return "\n".join(lines) + "\n"


def _resident_bytes() -> int:
    """Return the process's memory now; where the kernel has no such file, its maximum."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()
