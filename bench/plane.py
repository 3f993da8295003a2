"""The plane under test: API server, controllers with scheduler, hollow nodes; a process each.

The API server comes first; then the hollow nodes register, then controllers and scheduler start.
All of them know this process's pid (``--parent``) and end when it is gone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bench.child import Child, ChildError
from bench.results import Config
from bench.statistics_files import ProcessStatistics, await_statistics, forget_statistics
from bench.switches import APISERVER, CONTROL, NODES, process_arguments
from cluster.apiserver.faults import FAULTS

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

    def __init__(self, options: PlaneOptions) -> None:
        self._options = options
        self._children: dict[str, Child] = {}
        self.url = ""
        """Where the API server serves."""

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
    def pids(self) -> dict[str, int]:
        """Return the process ids by name."""
        return {name: child.pid for name, child in self._children.items()}

    @property
    def children(self) -> list[Child]:
        """Return the processes."""
        return list(self._children.values())

    @property
    def died(self) -> list[str]:
        """Return which processes have ended unasked, with their exit codes."""
        return [child.died for child in self._children.values() if child.died]

    def tails(self) -> str:
        """Return the ends of the logs of the processes that died."""
        return "\n".join(
            f"{child.name}, the end of {child.log}:\n{child.tail()}"
            for child in self._children.values()
            if child.died
        )

    async def statistics(self) -> dict[str, ProcessStatistics]:
        """Have every process write its statistics now, and return them.

        One that is too busy to do so within five seconds is left out.
        """
        directory = self._options.statistics_dir
        forget_statistics(directory, self._children)
        for child in self._children.values():
            child.dump_statistics()
        return await await_statistics(directory, self._children, STATISTICS_S_MAX)

    async def stop(self) -> None:
        """End all processes, the clients before the API server. Idempotent."""
        clients = [c for name, c in self._children.items() if name != APISERVER]
        await asyncio.gather(*(child.stop() for child in clients))
        if APISERVER in self._children:
            await self._children[APISERVER].stop()

    async def _start(self) -> None:
        facts = await self._launch(APISERVER, apiserver_arguments(self._options), READY_S_MAX)
        self.url = str(facts.get("url", ""))
        if not self.url:
            raise ChildError("apiserver named no url in its ready line")
        config = self._options.config
        client = ["--server", self.url, "--codec", config.codec]
        nodes = [
            *client,
            *("--nodes", str(config.nodes)),
            *("--heartbeat-s", f"{config.heartbeat_s:g}"),
        ]
        if self._options.stamped:
            nodes += ["--stamps", str(self._options.stamps)]
        allowed_s = READY_S_MAX + config.nodes * READY_S_A_NODE
        await asyncio.gather(
            self._launch(NODES, nodes, allowed_s), self._launch(CONTROL, client, READY_S_MAX)
        )

    async def _launch(self, name: str, arguments: list[str], allowed_s: float) -> dict[str, object]:
        options, history = self._options, self._options.history_dir
        command = [
            *options.python,
            f"cluster.processes.{name}",
            *arguments,
            *process_arguments(name, options.config.switches, options.config.behaviour),
            *(() if history is None else ("--history", str(history))),
            *("--seed", str(options.config.seed)),
            *("--stats", str(options.statistics_dir / f"{name}.json")),
            *("--parent", str(os.getpid())),
        ]
        child = Child(name, command, options.directory / "logs" / f"{name}.log")
        self._children[name] = child
        await child.start()
        return await child.ready(allowed_s)


def apiserver_arguments(options: PlaneOptions) -> list[str]:
    """Return the API server's part of the command line for a cell."""
    config = options.config
    arguments = [
        *("--listen", config.listen or ANY_PORT),
        *("--store", config.store),
        *("--data-dir", str(options.data_dir)),
        *("--storage-codec", config.storage_codec or config.codec),
        *("--watch-write", config.watch_write),
    ]
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
