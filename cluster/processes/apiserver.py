"""The API server's process: a store, a watch cache, the API over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.authentication import Authenticator, BearerTokens, Everybody
from cluster.apiserver.fanout.config import FanoutConfig, WatchWrite
from cluster.apiserver.faults import FAULTS, faulty_cache, faulty_store
from cluster.apiserver.inflight import Limits
from cluster.apiserver.listener import bind, listen, url_of
from cluster.apiserver.store_history import StoreHistory
from cluster.apiserver.traffic import Traffic
from cluster.processes.keeping_history import add_history_argument, keep_history
from cluster.processes.layer_places import SERVER
from cluster.processes.metering import add_attribution_argument, meter
from cluster.processes.shell import Shell, StartError, add_shell_arguments, run, shell_options
from serialization.codecs.registry import CODECS
from serialization.kinds import EVENTS
from storage.attribution import Layers
from storage.compactor import Compactor
from storage.errors import ReadOnlyError, StoreOpenError, StoreUnavailableError
from storage.registry import STORES, StoreOptions, store_entry
from storage.watchcache.cache import WatchCache
from storage.watchcache.config import CacheConfig

SWITCH: Final = ("on", "off")
URLS: Final = "etcd3:// or etcd2://host:port[,...], etcd3+unix:// or etcd2+unix:///path"
FILL_MAX_S: Final = 60.0
"""How long the collector may be off while events are read: 360,000 take 5 s."""


@runtime_checkable
class CountingStore(Protocol):
    """A store that counts more than its status tells: what goes over its wire."""

    def counters(self) -> Mapping[str, float]:
        """Return them by name: ``store_batches`` are the Txns of several writes."""
        ...


def parser() -> argparse.ArgumentParser:
    """Return the command line of this process."""
    parser = argparse.ArgumentParser(prog="cluster.processes.apiserver", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument(
        "--store", default="memory", metavar="NAME|URL", help=f"{', '.join(STORES)}, {URLS}"
    )
    parser.add_argument("--data-dir", type=Path, help="where a durable store lives")
    parser.add_argument("--storage-codec", default="protobuf", choices=sorted(CODECS))
    parser.add_argument(
        "--json-codec",
        default="orjson",
        choices=("json", "orjson"),
        help="the library that reads and writes application/json",
    )
    parser.add_argument("--watch-write", default="transport", choices=tuple(WatchWrite))
    parser.add_argument(
        "--watch-index", default="on", choices=SWITCH, help="look watchers up by name or node"
    )
    parser.add_argument(
        "--encode-once", default="on", choices=SWITCH, help="keep the encoded bytes of objects"
    )
    parser.add_argument(
        "--compact-every",
        type=_interval,
        default=300.0,
        metavar="S",
        help="forget superseded revisions at this interval; 0: never",
    )
    _add_limits(parser)
    parser.add_argument(
        "--token-file", type=Path, help="bearer tokens, one a line; without it nobody is asked"
    )
    add_history_argument(parser)
    parser.add_argument(
        "--name", default="apiserver", help="of its history, where several serve one store"
    )
    parser.add_argument("--fault", default="", choices=FAULTS, help=argparse.SUPPRESS)
    add_attribution_argument(parser)
    add_shell_arguments(parser)
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = Limits()
    for name, default, what in (
        ("--max-requests-inflight", limits.reads, "reads"),
        ("--max-mutating-requests-inflight", limits.writes, "writes"),
    ):
        parser.add_argument(
            name,
            type=_count,
            default=default,
            metavar="N",
            help=f"{what} served at once, beyond which they are refused with 429; 0: any number",
        )
    parser.add_argument(
        "--request-timeout",
        type=_interval,
        default=limits.request_s,
        metavar="S",
        help="how long a request may take, watches excepted; 0: for ever",
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of requests")
    return int(text)


async def serve(shell: Shell, arguments: argparse.Namespace) -> None:
    """Serve until the process is asked to end."""
    layers = meter(arguments, SERVER, "commit" if arguments.store in STORES else "threads")
    with keep_history(shell, arguments.history, arguments.name) as history, layers.running():
        truth = None if history is None else StoreHistory(history)
        await _serve(shell, arguments, layers, truth)


async def _serve(
    shell: Shell, arguments: argparse.Namespace, layers: Layers, truth: StoreHistory | None
) -> None:
    options = StoreOptions(data_dir=arguments.data_dir, clock=shell.clock)
    config = ServerConfig(
        CODECS[arguments.storage_codec],
        CODECS[arguments.json_codec],
        cache=CacheConfig(
            watch_index=arguments.watch_index == "on",
            encode_once=arguments.encode_once == "on",
            observer=truth,
            # A history begins with all that there is, so then nothing is left for later.
            late=frozenset({EVENTS.message}) if truth is None else frozenset(),
        ),
        fanout=FanoutConfig(watch_write=WatchWrite(arguments.watch_write)),
        authenticator=_authenticator(arguments.token_file),
        limits=Limits(
            arguments.max_requests_inflight,
            arguments.max_mutating_requests_inflight,
            arguments.request_timeout,
        ),
        cache_type=faulty_cache(arguments.fault),
        layers=layers,
    )
    sock, traffic = _bind(arguments.listen), Traffic()
    shell.fills()
    async with (
        store_entry(arguments.store).make(options) as store,
        assemble(faulty_store(arguments.fault, store), config, shell.clock, shell.random) as server,
        listen(server.app, sock, end_watches=server.fanout.shut_down, traffic=traffic),
    ):
        shell.counters(server.counters)
        if isinstance(store, CountingStore):
            shell.counters(store.counters)
        shell.counters(traffic.flat)
        cache = server.api.cache
        if truth is not None:
            truth.begin(cache)
        await _stay(shell, cache, url_of(sock), arguments.compact_every)
        if truth is not None:
            await truth.end(cache, store)


async def _stay(shell: Shell, cache: WatchCache, url: str, compact_every_s: float) -> None:
    """Say that the server is ready; compact its store until the process is asked to end."""
    async with asyncio.TaskGroup() as group:
        compactor = Compactor(cache.store, compact_every_s)
        shell.counter("store_compactions", lambda: compactor.compactions)
        shell.counter("store_compacted_revision", lambda: compactor.compacted_revision)
        compacting = group.create_task(compactor.run()) if compact_every_s else None
        declares = cache.store.capabilities._asdict()
        shell.ready(filled=not cache.opening, url=url, declares=declares)
        filling = group.create_task(_fill(shell, cache)) if cache.opening else None
        await shell.stopped()
        if filling is not None:
            filling.cancel()
        if compacting is not None:
            compacting.cancel()


async def _fill(shell: Shell, cache: WatchCache) -> None:
    """Have the collector run again once all is read, or after a while: a store may be failing."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FILL_MAX_S):
            await cache.opened()
    shell.filled()


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _bind(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    try:
        return bind(host.strip("[]"), int(port))
    except (OSError, OverflowError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise StartError(f"cannot listen on {address!r}: {reason}") from error


def _authenticator(token_file: Path | None) -> Authenticator:
    if token_file is None:
        return Everybody()
    return BearerTokens(token_file.read_text(encoding="utf-8").split())


def main(argv: list[str] | None = None) -> int:
    """Run the process; return its exit code."""
    command_line = parser()
    arguments = command_line.parse_args(argv)
    try:
        store_entry(arguments.store)
    except StoreOpenError as error:
        command_line.error(str(error))
    embedded = STORES.get(arguments.store)
    if embedded is not None and embedded.capabilities.durable and arguments.data_dir is None:
        command_line.error(f"--store {arguments.store} needs a --data-dir")

    async def within(shell: Shell) -> None:
        try:
            await serve(shell, arguments)
        except (StoreOpenError, StoreUnavailableError, ReadOnlyError) as error:
            raise StartError(str(error)) from error

    return run(within, shell_options(arguments))


if __name__ == "__main__":
    sys.exit(main())
