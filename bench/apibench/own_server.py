"""An API server started for the benchmark: its own store in a fresh directory, tokens asked for.

The store may also be a real etcd that is started for it, or one that others run, whose key space
must be clean and is left so.
"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.child import Child, ChildError
from bench.load.settings import Server
from bench.plane import ANY_PORT, JSON_CODECS, READY_S_MAX
from bench.plane_store import Site, plane_store
from bench.results import Config
from storage.clock import SystemClock


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the server is to be."""

    codec: str
    """Of the clients; names the library that reads and writes JSON."""
    storage_codec: str
    store: str
    seed: int = 0


class OwnServer:
    """The process; ``async with`` starts and ends it, ``restart`` does both in between."""

    def __init__(self, options: ServerOptions, directory: Path, name: str) -> None:
        self._options = options
        self._directory = directory
        self._name = name
        self._token = secrets.token_hex(16)
        self._child: Child | None = None
        self._store = plane_store(
            Site(
                Config(store=options.store), directory / "data", directory, SystemClock(), _no_child
            )
        )
        self._store_argument = ""
        self.server = Server("")

    @property
    def pid(self) -> int:
        """Return its process id."""
        assert self._child is not None
        return self._child.pid

    async def __aenter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        token_file = self._directory / "tokens"
        token_file.touch(mode=0o600)
        token_file.write_text(self._token + "\n", encoding="utf-8")
        try:
            self._store_argument = await self._store.start()
            await self.start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._end()

    async def _end(self) -> None:
        await self.stop()
        await self._store.stop()

    async def start(self) -> None:
        """Start it, on the data that it has. Raises ChildError."""
        log = self._directory / f"{self._name}.log"
        self._child = child = Child("apiserver", self._command(), log)
        await child.start()
        facts = await child.ready(READY_S_MAX)
        url = str(facts.get("url", ""))
        if not url:
            raise ChildError("apiserver named no url in its ready line")
        self.server = Server(url, self._token)

    async def stop(self) -> None:
        """End it, by its pid. Idempotent."""
        if self._child is not None:
            await self._child.stop()

    def _command(self) -> list[str]:
        options = self._options
        command = [
            *(sys.executable, "-m", "cluster.processes.apiserver"),
            *("--listen", ANY_PORT),
            *("--store", self._store_argument),
            *("--data-dir", str(self._directory / "data")),
            *("--storage-codec", options.storage_codec),
            *("--token-file", str(self._directory / "tokens")),
            *("--seed", str(options.seed)),
            *("--parent", str(os.getpid())),
        ]
        if options.codec in JSON_CODECS:
            command += ["--json-codec", options.codec]
        return command


def _no_child(name: str, _arguments: list[str]) -> Child:
    raise ChildError(f"one API server needs no process {name} for its store")
