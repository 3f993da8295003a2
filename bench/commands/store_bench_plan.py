"""What ``kubedyno store-bench`` is asked for: which store, by which client, in which cells."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

from bench.commands.interface import UsageError
from bench.sampling import read_usage
from bench.storebench.cells import Cell
from bench.storebench.drivers.engines import ENGINES
from bench.storebench.drivers.registry import DRIVERS, IN_PROCESS, Entry
from bench.storebench.endpoints import BadURLError, endpoints_of, scheme_of
from bench.storebench.operations import IDLE, JUDGED, NAMES, READING, WATCH
from bench.storebench.servers import REAL_SERVERS, SERVED
from bench.storebench.table import table_cells
from bench.storebench.workload import VALUE_BYTES_MIN

DURATION_S: Final = 5.0
STREAMS: Final = 10
"""That hold idle watches, unless something else is asked for."""
ETCD2: Final = "etcd2"
ETCD3: Final = "etcd3"


class Target(NamedTuple):
    """What is loaded."""

    driver: Entry
    server: str
    """A name in ``servers.SERVERS``, of an engine in process, or a URL."""


def planned(arguments: argparse.Namespace) -> list[Cell]:
    """Return the cells, in order. Raises UsageError."""
    target = target_of(arguments)
    _check_pids(arguments)
    if arguments.table:
        if arguments.op or scheme_of(target.server) or arguments.serve or arguments.real_etcd:
            raise UsageError(
                "--table has its own stores and operations: leave --store and --op out"
            )
        return table_cells(arguments.duration, short=arguments.table == "short")
    if (arguments.check_perf or arguments.beside) and not arguments.op:
        return []
    cells = [
        _cell(arguments, target, operation, size)
        for operation in arguments.op or ["put"]
        for size in _sizes(arguments)
    ]
    return list(dict.fromkeys(cells))  # idle watches are the same for any number of callers


def _check_pids(arguments: argparse.Namespace) -> None:
    """Refuse processes that are not there, or that are not asked for. Raises UsageError."""
    pids = arguments.server_pid
    if pids and (arguments.serve or arguments.real_etcd or arguments.table):
        raise UsageError("--server-pid: what is started here is known; it goes with a URL")
    for pid in pids:
        if read_usage(pid) is None:
            raise UsageError(f"--server-pid: there is no process {pid}")


def judged_servers(arguments: argparse.Namespace) -> list[str]:
    """Return the servers that etcdctl is to load. Raises UsageError."""
    if not arguments.check_perf:
        return []
    if ETCD2 in (arguments.store, scheme_of(arguments.store)):
        raise UsageError("etcdctl check perf speaks v3: there is none for etcd2")
    if scheme_of(arguments.store):
        return [arguments.store]
    served, real = f"kubedyno-{arguments.store}", REAL_SERVERS[ETCD3, arguments.real_etcd or 1]
    return [served] if arguments.serve else [real] if arguments.real_etcd else [served, real]


def target_of(arguments: argparse.Namespace) -> Target:
    """Return what is to be loaded, and by what. Raises UsageError."""
    store, scheme, client = arguments.store, scheme_of(arguments.store), arguments.protocol_client
    if scheme:
        if arguments.serve or arguments.real_etcd:
            raise UsageError("--serve and --real-etcd start a server: --store is a URL already")
        try:
            endpoints_of(store)
        except BadURLError as error:
            raise UsageError(str(error)) from error
        return Target(_over(scheme, client), store)
    if store not in ENGINES:
        raise UsageError(f"no store {store!r}; there are {', '.join(ENGINES)}, or a URL")
    if arguments.real_etcd:
        if (store, arguments.real_etcd) not in REAL_SERVERS:
            raise UsageError("--real-etcd is 1 or 3, of etcd3 or etcd2")
        return Target(_over(store, client), REAL_SERVERS[store, arguments.real_etcd])
    if arguments.serve:
        return Target(_over(ETCD2 if store == ETCD2 else ETCD3, client), SERVED[store])
    return Target(next(each for each in DRIVERS.values() if each.place == IN_PROCESS), store)


def _over(scheme: str, client: str) -> Entry:
    known = [entry for entry in DRIVERS.values() if entry.scheme == scheme]
    for entry in known:
        if entry.client == client:
            return entry
    if known:
        names = ", ".join(entry.client for entry in known)
        raise UsageError(f"no {client} client for {scheme!r}; there are {names}")
    schemes = ", ".join(sorted({entry.scheme for entry in DRIVERS.values() if entry.scheme}))
    raise UsageError(f"no client for {scheme!r}; there are clients for {schemes}")


class Size(NamedTuple):
    """What cells of one operation differ in."""

    clients: int
    value_bytes: int
    keys: int
    told: tuple[str, ...]


def _sizes(arguments: argparse.Namespace) -> Iterator[Size]:
    """Yield every size that is asked for; a name tells only what is not the same for all."""
    values, keys = arguments.value_size, arguments.keys
    for value_bytes, count, clients in product(values, keys, arguments.clients):
        told = [
            *([f"{value_bytes}B"] if len(values) > 1 else []),
            *([f"{count} keys"] if len(keys) > 1 else []),
        ]
        yield Size(clients, value_bytes, count, tuple(told))


def _cell(arguments: argparse.Namespace, target: Target, operation: str, size: Size) -> Cell:
    entry, idle = target.driver, operation == IDLE
    watching = operation in (WATCH, IDLE)
    streamed = entry.shares and entry.place != IN_PROCESS
    streams = min(arguments.streams or STREAMS, arguments.watchers) if streamed else 0
    cell = Cell(
        entry.name,
        target.server,
        operation,
        1 if idle else size.clients,
        value_bytes=size.value_bytes,
        keys=size.keys,
        duration_s=arguments.duration or DURATION_S,
        rate=0.0 if idle else arguments.rate,
        read_share=arguments.read_share,
        watchers=arguments.watchers if watching else 0,
        streams=streams,
        processes=arguments.client_processes,
        connections=arguments.connections,
        polls=arguments.long_polls and operation == WATCH,
        quorum=arguments.quorum and operation in READING,
        told=size.told,
    )
    _check_load(cell)
    _check_way(arguments, entry, operation)
    if arguments.quorum and (scheme_of(target.server) or arguments.store) not in entry.quorums:
        raise UsageError("--quorum is for etcd2, by its engine or the wire client")
    return cell


def _check_load(cell: Cell) -> None:
    if cell.operation not in NAMES:
        raise UsageError(f"no operation {cell.operation!r}; there are {', '.join(NAMES)}")
    if cell.value_bytes < VALUE_BYTES_MIN:
        raise UsageError(f"--value-size is at least {VALUE_BYTES_MIN}: a stamp is in each value")
    if cell.operation in JUDGED and cell.keys < cell.clients:
        raise UsageError(f"{cell.operation} needs a key a client: {cell.keys} are too few")
    if not 0 <= cell.read_share <= 1:
        raise UsageError("--read-share is a share: from 0 to 1")


def _check_way(arguments: argparse.Namespace, entry: Entry, operation: str) -> None:
    """Refuse what this way to a store cannot do, rather than pass over it. Raises UsageError."""
    if operation == "put" and not entry.puts:
        raise UsageError("the store contract has no put: every write is judged; use --op txn")
    if operation == IDLE and arguments.rate:
        raise UsageError(f"{IDLE} has no --rate: nothing happens")
    if arguments.streams and entry.place == IN_PROCESS:
        raise UsageError("--streams: in process there are none")
    if arguments.streams and not entry.shares:
        raise UsageError(f"--streams: {entry.scheme} has a connection a watch")
    if arguments.long_polls and not entry.polls:
        raise UsageError("--long-polls is for etcd2's protocol, by the wire client")
    if entry.place == IN_PROCESS and (
        arguments.client_processes > 1 or arguments.connections or arguments.server_pid
    ):
        raise UsageError(
            "in process there is one process and no connection: leave --client-processes, "
            "--connections and --server-pid out, or say --serve"
        )
