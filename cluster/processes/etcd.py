"""The process of ``kubedyno etcd --api 3``: an engine, served over etcd's own protocol."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cluster.processes.layer_places import ETCD
from cluster.processes.metering import add_attribution_argument, meter
from cluster.processes.shell import Shell, StartError, add_shell_arguments, run, shell_options
from storage.attribution import Layers
from storage.engine.store import EngineStore
from storage.errors import StoreOpenError
from storage.records import StoreStatus
from storage.registry import STORES, StoreOptions
from storage.serve.etcd3.server import Address, Listener, ListenError, listening
from storage.serve.etcd3.serving import Limits, Serving, stable_id
from storage.serve.etcd3.tls import TlsError, TlsFiles

ENGINES: Final = ("etcd3", "memory")
"""Of the stores, those that can be served: they are engines of this process."""
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


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is served, as whom, and within which limits; names and defaults are etcd's."""
    limits = Limits()
    parser.add_argument("--store", default="etcd3", choices=ENGINES)
    parser.add_argument("--name", default="default", help="of the member")
    parser.add_argument(
        "--max-txn-ops",
        type=_positive,
        default=limits.txn_ops,
        metavar="N",
        help="operations in a transaction (default: %(default)s)",
    )
    parser.add_argument(
        "--max-request-bytes",
        type=_positive,
        default=limits.request_bytes,
        metavar="N",
        help="size of a write (default: %(default)s)",
    )
    parser.add_argument(
        "--no-sync",
        "--unsafe-no-fsync",
        action="store_true",
        help="do not flush commits to the disk: fast, and lost with the machine",
    )


def add_tls_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files of TLS, under etcd's names."""
    parser.add_argument("--cert-file", type=Path, metavar="PEM", help="the server's certificate")
    parser.add_argument("--key-file", type=Path, metavar="PEM", help="its key")
    parser.add_argument(
        "--trusted-ca-file", type=Path, metavar="PEM", help="whose client certificates are taken"
    )
    parser.add_argument(
        "--client-cert-auth", action="store_true", help="a client must have a certificate"
    )


def tls_files(arguments: argparse.Namespace) -> TlsFiles | None:
    """Return the files that the command line names, None for none. Raises ValueError: a line."""
    cert, key = arguments.cert_file, arguments.key_file
    if (cert is None) != (key is None):
        raise ValueError("--cert-file and --key-file belong together")
    if cert is None:
        if arguments.trusted_ca_file is not None or arguments.client_cert_auth:
            raise ValueError("clients' certificates are only asked for with a --cert-file")
        return None
    if arguments.client_cert_auth and arguments.trusted_ca_file is None:
        raise ValueError("--client-cert-auth needs a --trusted-ca-file")
    return TlsFiles(cert, key, arguments.trusted_ca_file, arguments.client_cert_auth)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


async def serve(shell: Shell, arguments: argparse.Namespace, layers: Layers) -> None:
    """Serve until the process is asked to end."""
    options = StoreOptions(arguments.data_dir, shell.clock, sync=not arguments.no_sync)
    store = STORES[arguments.store].make(options)
    if not isinstance(store, EngineStore):
        raise StartError(f"the store {arguments.store} cannot be served")
    address = Address(arguments.listen, tls_files(arguments))
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
    name = arguments.name
    return Serving(
        store,
        shell.clock,
        name=name,
        client_urls=(listener.url,),
        cluster_id=stable_id("cluster", name),
        member_id=stable_id("member", name),
        limits=Limits(arguments.max_txn_ops, arguments.max_request_bytes),
    )


def main(argv: list[str] | None = None) -> int:
    """Run the process; return its exit code."""
    command_line = parser()
    arguments = command_line.parse_args(argv)
    if STORES[arguments.store].capabilities.durable and arguments.data_dir is None:
        command_line.error(f"--store {arguments.store} needs a --data-dir")
    try:
        tls_files(arguments)
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
