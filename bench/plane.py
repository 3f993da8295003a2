"""The plane under test: API server, controllers with scheduler, hollow nodes; a process each.

The store comes first, where it has processes of its own, then the API server (or all of them), then
the hollow nodes register, and controllers and scheduler start.
All of them know this process's pid (``--parent``) and end when it is gone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from bench.apiservers import server_names
from bench.child import Child, ChildError
from bench.declared import Declared
from bench.etcd_faults import Members
from bench.plane_store import Site, StoreFacts, plane_store
from bench.results import Config
from bench.statistics_files import ProcessStatistics, await_statistics, forget_statistics
from bench.switches import APISERVER, CONTROL, NODES, process_arguments
from cluster.apiserver.faults import FAULTS
from storage.clock import Clock, SystemClock

READY_S_MAX: Final = 60.0
READY_S_A_NODE: Final = 0.1
"""Registering a node takes a few requests; 2000 of them on a busy machine take minutes."""

STATISTICS_S_MAX: Final = 5.0

ANY_PORT: Final = "127.0.0.1:0"

JSON_CODECS: Final = ("json", "orjson")


@dataclass(frozen=True, slots=True)
class PlaneOptions:
    """What the plane is to be."""

    config: Config
    directory: Path
    """Logs go to ``logs/`` below, statistics to ``stats/``, the store to ``data/``."""
    python: tuple[str, ...] = (sys.executable, "-m")
    """How a module is run; tests put small fake processes here."""
    stamped: bool = True
    """Measure: the nodes write ``stamps`` and keep one for each pod until they end; nothing that is
    asked of the API server is refused for there being too much."""

    @property
    def data_dir(self) -> Path:
        """Return where the store keeps its files."""
        return Path(self.config.data_dir) if self.config.data_dir else self.directory / "data"

    @property
    def statistics_dir(self) -> Path:
        """Return where the processes write their statistics, ``<name>.json`` each."""
        return self.directory / "stats"

    @property
    def history_dir(self) -> Path | None:
        """Return where the processes keep their histories; None where they keep none."""
        if self.stamped and self.config.switches.history == "on":
            return self.directory / "history"
        return None

    @property
    def stamps(self) -> Path:
        """Return the file in which the nodes write when they reported each pod running."""
        return self.directory / "stamps" / f"{NODES}.csv"


class Plane:
    """The processes; ``async with`` starts and stops them."""

    def __init__(self, options: PlaneOptions, clock: Clock | None = None) -> None:
        self._options = options
        self._servers: dict[str, Child] = {}
        self._clients: dict[str, Child] = {}
        self._declared: Declared | None = None
        self._store = plane_store(
            Site(
                options.config,
                options.data_dir,
                options.directory / "logs",
                clock or SystemClock(),
                self._store_child,
                fresh=options.stamped,
            )
        )
        self.urls: list[str] = []
        """Where the API servers serve."""

    async def __aenter__(self) -> Self:
        for part in ("stats", "stamps", "logs"):
            (self._options.directory / part).mkdir(parents=True, exist_ok=True)
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Return where the first API server serves: the measuring process's, and the users'.

        Controllers and scheduler talk to the last one.
        """
        return self.urls[0] if self.urls else ""

    @property
    def store(self) -> StoreFacts:
        """Return what the API servers store in."""
        facts = self._store.facts
        return facts if self._declared is None else replace(facts, declared=self._declared)

    @property
    def members(self) -> Members | None:
        """Return the members of the store that faults can be planted into, where it has some."""
        return self._store.members

    @property
    def pids(self) -> dict[str, int]:
        """Return the process ids by name."""
        return {child.name: child.pid for child in self.children}

    @property
    def own_pids(self) -> dict[str, int]:
        """Return the ids of the processes that are Python, by name."""
        return {child.name: child.pid for child in self.children if child.ours}

    @property
    def children(self) -> list[Child]:
        """Return the processes."""
        return [*self._store.children, *self._servers.values(), *self._clients.values()]

    @property
    def died(self) -> list[str]:
        """Return which processes have ended unasked, with their exit codes."""
        return [child.died for child in self.children if child.died]

    def tails(self) -> str:
        """Return the ends of the logs of the processes that died."""
        return "\n".join(
            f"{child.name}, the end of {child.log}:\n{child.tail()}"
            for child in self.children
            if child.died
        )

    async def statistics(self) -> dict[str, ProcessStatistics]:
        """Have every process write its statistics now, and return them.

        One that is too busy to do so within five seconds is left out.
        """
        directory = self._options.statistics_dir
        own = [child for child in self.children if child.ours]
        names = [child.name for child in own]
        forget_statistics(directory, names)
        for child in own:
            child.dump_statistics()
        found = await await_statistics(directory, names, STATISTICS_S_MAX)
        return found | dict(await self._store.statistics())

    async def stop(self) -> None:
        """End all processes: the clients, then the API servers, then the store. Idempotent."""
        for children in (self._clients, self._servers):
            await asyncio.gather(*(child.stop() for child in children.values()))
        await self._store.stop()

    async def _start(self) -> None:
        store = await self._store.start()
        first, *others = server_names(self._options.config.apiservers)
        # The first one makes what a new cluster begins with.
        self.urls = [await self._serve(first, store)]
        self.urls += await asyncio.gather(*(self._serve(name, store) for name in others))
        config = self._options.config
        client = ["--codec", config.codec]
        nodes = [
            *("--server", ",".join(self.urls), *client),
            *("--nodes", str(config.nodes)),
            *("--heartbeat-s", f"{config.heartbeat_s:g}"),
        ]
        if self._options.stamped:
            nodes += ["--stamps", str(self._options.stamps)]
        allowed_s = READY_S_MAX + config.nodes * READY_S_A_NODE
        await asyncio.gather(
            self._launch(NODES, nodes, allowed_s),
            self._launch(CONTROL, ["--server", self.urls[-1], *client], READY_S_MAX),
        )

    async def _serve(self, name: str, store: str) -> str:
        """Start an API server; return its URL."""
        arguments = apiserver_arguments(self._options, store, name)
        child = self._servers[name] = self._child(name, APISERVER, arguments)
        await child.start()
        facts = await child.ready(READY_S_MAX)
        url = str(facts.get("url", ""))
        if not url:
            raise ChildError(f"{name} named no url in its ready line")
        self._declared = Declared.told(facts.get("declares"))
        return url

    async def _launch(self, name: str, arguments: list[str], allowed_s: float) -> None:
        child = self._clients[name] = self._child(name, name, arguments)
        await child.start()
        await child.ready(allowed_s)

    def _child(self, name: str, module: str, arguments: list[str]) -> Child:
        options, history = self._options, self._options.history_dir
        switches = process_arguments(module, options.config.switches, options.config.behaviour)
        kept = () if history is None else ("--history", str(history))
        return self._made(name, module, [*arguments, *switches, *kept])

    def _store_child(self, name: str, arguments: list[str]) -> Child:
        return self._made(name, name, arguments)

    def _made(self, name: str, module: str, arguments: list[str]) -> Child:
        options = self._options
        command = [
            *options.python,
            f"cluster.processes.{module}",
            *arguments,
            *("--seed", str(options.config.seed)),
            *("--stats", str(options.statistics_dir / f"{name}.json")),
            *("--parent", str(os.getpid())),
        ]
        return Child(name, command, options.directory / "logs" / f"{name}.log")


def apiserver_arguments(options: PlaneOptions, store: str = "", name: str = APISERVER) -> list[str]:
    """Return an API server's part of the command line for a cell, over a store of its own or not.

    The address that users ask for is the first one's.
    """
    config = options.config
    first = name == server_names(config.apiservers)[0]
    arguments = [
        *("--listen", (config.listen if first else "") or ANY_PORT),
        *("--store", store or config.store),
        *("--data-dir", str(options.data_dir)),
        *("--storage-codec", config.storage_codec or config.codec),
        *("--watch-write", config.watch_write),
    ]
    if name != APISERVER:
        arguments += ["--name", name]
    if config.compact_every_s:
        arguments += ["--compact-every", f"{config.compact_every_s:g}"]
    if config.fault in FAULTS:
        arguments += ["--fault", config.fault]
    if config.codec in JSON_CODECS:
        arguments += ["--json-codec", config.codec]
    if options.stamped:
        # A refused write waits for a second before it comes again: that would be measured, and not
        # what the write costs. The plane's clients bound themselves, to 64 connections a process.
        arguments += ["--max-requests-inflight", "0", "--max-mutating-requests-inflight", "0"]
    return arguments
