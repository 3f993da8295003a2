"""The process of ``kubedyno etcd --api 3``: an engine, served over etcd's own protocol."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

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

TALLY_S: Final = 1.0
"""How old the store's figures may be in statistics that are asked for."""


def parser() -> argparse.ArgumentParser:
    """Return the command line of this process."""
    parser = argparse.ArgumentParser(prog="cluster.processes.etcd", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT|unix:PATH")
    parser.add_argument("--data-dir", type=Path, help="where a durable store lives")
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
    options = StoreOptions(arguments.data_dir, shell.clock, sync=not arguments.no_sync)
    store = STORES[arguments.store].make(options)
    if not isinstance(store, EngineStore):
        raise StartError(f"the store {arguments.store} cannot be served")
    address = Address(arguments.listen, _tls_files(arguments))
    shell.fills()
    async with store, listening(address, arguments.max_request_bytes) as listener:
        await listener.serve(_serving(arguments, store, shell, listener))
        tally = Tally(store, listener, await store.status())
        shell.counters(tally.flat)
        shell.counters(layers.flat)
        shell.ready(url=listener.url, target=listener.target)
        async with asyncio.TaskGroup() as group:
            counting = group.create_task(tally.keep())
            await shell.stopped()
            counting.cancel()
        await tally.renew()


class Tally:
    """Counters of calls and of the store, which is asked every second, and at the end."""

    def __init__(self, store: EngineStore, listener: Listener, status: StoreStatus) -> None:
        self._store = store
        self._listener = listener
        self._status = status

    async def keep(self) -> None:
        """Ask until cancelled."""
        while True:
            await asyncio.sleep(TALLY_S)
            await self.renew()

    async def renew(self) -> None:
        """Ask the store once."""
        self._status = await self._store.status()

    def flat(self) -> Mapping[str, float]:
        """Return them by name: calls as ``grpc_calls_KV_Put``."""
        status = self._status
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
    if STORES[arguments.store].capabilities.durable and arguments.data_dir is None:
        command_line.error(f"--store {arguments.store} needs a --data-dir")
    try:
        check_arguments(arguments)
    except ValueError as error:
        command_line.error(str(error))

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
