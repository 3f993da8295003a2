"""The process of ``kubedyno etcd``: an engine, served over etcd's own protocol."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from cluster.processes.etcd2 import serve2
from cluster.processes.etcd_arguments import (
    add_engine_arguments,
    add_tls_arguments,
    check_arguments,
)
from cluster.processes.layer_places import ETCD
from cluster.processes.metering import add_attribution_argument, meter
from cluster.processes.shell import Shell, StartError, add_shell_arguments, run, shell_options
from storage.attribution import Layers
from storage.engine.store import EngineStore
from storage.errors import StoreOpenError
from storage.records import StoreStatus
from storage.registry import STORES, StoreOptions
from storage.serve.etcd3.limits import Limits
from storage.serve.etcd3.server import Address, Listener, ListenError, listening
from storage.serve.etcd3.serving import Serving, stable_id
from storage.serve.etcd3.tls import TlsError, TlsFiles


def parser() -> argparse.ArgumentParser:
    """Return the command line of this process."""
    parser = argparse.ArgumentParser(prog="cluster.processes.etcd", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT|unix:PATH")
    parser.add_argument(
        "--data-dir", type=Path, help="where a durable store lives; etcd2 without one is in memory"
    )
    add_engine_arguments(parser)
    add_tls_arguments(parser)
    add_attribution_argument(parser)
    add_shell_arguments(parser)
    return parser


def _tls_files(arguments: argparse.Namespace) -> TlsFiles | None:
    if arguments.cert_file is None:
        return None
    return TlsFiles(
        arguments.cert_file,
        arguments.key_file,
        arguments.trusted_ca_file,
        arguments.client_cert_auth,
    )


async def serve(shell: Shell, arguments: argparse.Namespace, layers: Layers) -> None:
    """Serve until the process is asked to end."""
    if arguments.api == "2":
        await serve2(shell, arguments, layers, _tls_files(arguments))
        return
    options = StoreOptions(arguments.data_dir, shell.clock, sync=not arguments.no_sync)
    store = STORES[arguments.store].make(options)
    if not isinstance(store, EngineStore):
        raise StartError(f"the store {arguments.store} cannot be served")
    address = Address(arguments.listen, _tls_files(arguments))
    shell.fills()
    async with store, listening(address, arguments.max_request_bytes) as listener:
        await listener.serve(_serving(arguments, store, shell, listener))
        tally = Tally(store, listener)
        shell.counters(tally.flat)
        shell.counters(layers.flat)
        shell.ready(url=listener.url, target=listener.target)
        await shell.stopped()
        tally.end()


class Tally:
    """Counters of calls and of the store, as they are when they are asked for."""

    def __init__(self, store: EngineStore, listener: Listener) -> None:
        self._store = store
        self._listener = listener
        self._last: StoreStatus | None = None

    def end(self) -> None:
        """Keep the store's figures, since it will be closed."""
        self._last = self._store.figures()

    def flat(self) -> Mapping[str, float]:
        """Return them by name: calls as ``grpc_calls_KV_Put``."""
        status = self._last or self._store.figures()
        calls = {
            "grpc_calls_" + path.rpartition(".")[2].replace("/", "_"): count
            for path, count in self._listener.calls.items()
        }
        return {
            **calls,
            "store_commits": status.commits,
            "store_writes": status.writes,
            "store_revision": status.revision,
            "store_keys": status.keys,
            "store_disk_bytes": status.disk_bytes,
        }


def _serving(
    arguments: argparse.Namespace, store: EngineStore, shell: Shell, listener: Listener
) -> Serving:
    name, advertised = arguments.name, arguments.advertise_client_urls
    return Serving(
        store,
        shell.clock,
        name=name,
        client_urls=tuple(advertised.split(",")) if advertised else (listener.url,),
        cluster_id=stable_id("cluster", name),
        member_id=stable_id("member", name),
        limits=Limits(arguments.max_txn_ops, arguments.max_request_bytes),
        watch_progress_s=arguments.watch_progress_notify_interval,
    )


def main(argv: list[str] | None = None) -> int:
    """Run the process; return its exit code."""
    command_line = parser()
    arguments = command_line.parse_args(argv)
    try:
        check_arguments(arguments)
    except ValueError as error:
        command_line.error(str(error))
    if arguments.store == "etcd3" and arguments.data_dir is None:
        command_line.error(f"--store {arguments.store} needs a --data-dir")

    async def within(shell: Shell) -> None:
        layers = meter(arguments, ETCD, "commit")
        try:
            with layers.running():
                await serve(shell, arguments, layers)
        except (StoreOpenError, ListenError, TlsError) as error:
            raise StartError(str(error)) from error

    return run(within, shell_options(arguments))


if __name__ == "__main__":
    sys.exit(main())
