"""What ``--api 2`` serves: the engine of etcd 2 over its own protocol, HTTP."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from cluster.processes.shell import Shell
from storage.attribution import Layers
from storage.etcd2.engine import Etcd2Engine
from storage.etcd2.journal.member import SOLE
from storage.etcd2.opening import etcd2_engine
from storage.records import StoreStatus
from storage.serve.etcd2.server import Listener, listening
from storage.serve.etcd2.serving import RAFT_TERM, Serving
from storage.serve.etcd3.server import Address
from storage.serve.etcd3.tls import TlsFiles


async def serve2(
    shell: Shell, arguments: argparse.Namespace, layers: Layers, tls: TlsFiles | None
) -> None:
    """Serve until the process is asked to end. Raises StoreOpenError, ListenError, TlsError."""
    store = etcd2_engine(arguments.data_dir, clock=shell.clock, sync=not arguments.no_sync)
    shell.fills()
    async with store, listening(Address(arguments.listen, tls)) as listener:
        await listener.serve(_serving(arguments, store, shell, listener))
        tally = Tally(store, listener)
        shell.counters(tally.flat)
        shell.counters(layers.flat)
        shell.ready(url=listener.url, target=listener.target)
        await shell.stopped()
        tally.end()


class Tally:
    """Counters of requests and of the store, as they are when they are asked for."""

    def __init__(self, store: Etcd2Engine, listener: Listener) -> None:
        self._store = store
        self._listener = listener
        self._last: tuple[StoreStatus, Mapping[str, int]] | None = None

    def end(self) -> None:
        """Keep the store's figures, since it will be closed."""
        self._last = self._now()

    def flat(self) -> Mapping[str, float]:
        """Return them by name: requests as ``http_requests_GET``."""
        status, counted = self._last or self._now()
        listener = self._listener
        requests = {f"http_requests_{method}": n for method, n in listener.requests.items()}
        return {
            **requests,
            "http_connections": listener.connections,
            "http_watchers": listener.watchers,
            **{f"store_{name}": count for name, count in counted.items()},
            **self._snapshots(),
            "store_commits": status.commits,
            "store_writes": status.writes,
            "store_revision": status.revision,
            "store_keys": status.keys,
            "store_disk_bytes": status.disk_bytes,
        }

    def _snapshots(self) -> Mapping[str, float]:
        counted = self._store.snapshot_counters()
        return {
            "store_snapshots": counted.taken,
            "store_snapshots_failed": counted.failed,
            "store_snapshot_pause_ms_max": counted.pause_ns_max / 1e6,
            "store_snapshot_write_ms": counted.write_ns / 1e6,
            "store_snapshot_bytes": counted.size_bytes,
        }

    def _now(self) -> tuple[StoreStatus, Mapping[str, int]]:
        return self._store.status(), dict(self._store.statistics())


def _serving(
    arguments: argparse.Namespace, store: Etcd2Engine, shell: Shell, listener: Listener
) -> Serving:
    advertised = arguments.advertise_client_urls
    return Serving(
        store,
        shell.clock,
        name=arguments.name,
        client_urls=tuple(advertised.split(",")) if advertised else (listener.url,),
        cluster_id=SOLE.cluster_id,
        member_id=SOLE.node_id,
        log_index=store.log_index,
        term=store.log_term or RAFT_TERM,
        statistics=store.statistics,
    )
