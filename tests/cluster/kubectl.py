"""kubectl as a process, against a whole cluster in this one: what its tests are played with."""

from __future__ import annotations

import asyncio
import os
import random
import re
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cluster.apiserver.listener import bind, listen, url_of
from cluster.kubelet.fleet import FleetOptions
from cluster.processes.in_process import Cluster, ClusterConfig
from storage.clock import SystemClock
from storage.interface import Store
from storage.registry import STORES, StoreOptions

CLOCK = SystemClock()
NODES = 3
WAIT = "--timeout=60s"
SCENARIO_S = 240.0
FOLLOW_S = 60.0
"""How long a command that follows may take to say what is waited for."""

SHORT_WATCH = re.compile(r"^W\d{4} .*: very short watch: .*\n", re.MULTILINE)
"""kubectl logs this of itself when its time-out ends a watch within the watch's first second."""

CONTEXT = """\
apiVersion: v1
kind: Config
clusters: [{{name: here, cluster: {{server: "{url}"}}}}]
contexts: [{{name: here, context: {{cluster: here, namespace: {namespace}, user: ""}}}}]
current-context: here
"""


class Said(NamedTuple):
    """What kubectl said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The lines below the heading, in words."""
        return [line.split() for line in self.out.splitlines()[1:]]

    @property
    def lines(self) -> list[str]:
        """All lines, sorted."""
        return sorted(self.out.splitlines())

    def __contains__(self, text: object) -> bool:
        """Whether it said this, modulo white space, on its standard output."""
        return isinstance(text, str) and " ".join(text.split()) in " ".join(self.out.split())


class Kubectl:
    """Runs kubectl against one server, with a home directory of its own."""

    def __init__(self, program: str, url: str, home: Path) -> None:
        self._program = program
        self._url = url
        self.home = home
        """Where it runs: files may be named relative to it."""
        # No kubeconfig: an address is all that it needs.
        self._environment = {"HOME": str(home), "KUBECONFIG": str(home / "none"), "PATH": ""}

    def with_tools(self, **variables: str) -> Kubectl:
        """Return one that may start other programs (an editor, diff), with more variables set."""
        other = Kubectl(self._program, self._url, self.home)
        tools = {"PATH": os.environ["PATH"], "SHELL": "/bin/sh", "TMPDIR": str(self.home)}
        other._environment |= tools | variables
        return other

    def in_namespace(self, name: str) -> Kubectl:
        """Return one whose context has this namespace, as a kubeconfig sets it."""
        config = self.home / f"config-{name}"
        config.write_text(CONTEXT.format(url=self._url, namespace=name))
        other = Kubectl(self._program, self._url, self.home)
        other._environment = self._environment | {"KUBECONFIG": str(config)}
        return other

    async def try_(self, *arguments: str, stdin: str = "") -> Said:
        """Run it; return what it said."""
        process = await self._start(*arguments, stdin=bool(stdin))
        out, err = await process.communicate(stdin.encode() or None)
        assert process.returncode is not None
        complaints = SHORT_WATCH.sub("", err.decode())
        return Said(process.returncode, out.decode(), complaints)

    async def __call__(self, *arguments: str, stdin: str = "") -> Said:
        """Run it; it must succeed and complain of nothing."""
        said = await self.try_(*arguments, stdin=stdin)
        assert (said.code, said.err) == (0, ""), said
        return said

    async def until_told(self, texts: Sequence[str], *arguments: str) -> Said:
        """Run it until it says all texts: the write that it shows may be another process's."""

        def lacking(said: Said) -> list[str]:
            return [text for text in texts if text not in said]

        said = await self(*arguments)
        with suppress(TimeoutError):
            async with asyncio.timeout(FOLLOW_S):
                while lacking(said):
                    said = await self(*arguments)
        assert not lacking(said), (arguments, lacking(said), said.out)
        return said

    async def until_listed(self, good: Callable[[list[str]], bool], *arguments: str) -> list[str]:
        """Run it until the words that it says are good; return them."""
        words = (await self(*arguments)).out.split()
        with suppress(TimeoutError):
            async with asyncio.timeout(FOLLOW_S):
                while not good(words):
                    words = (await self(*arguments)).out.split()
        assert good(words), (arguments, words)
        return words

    async def refused(self, *arguments: str, stdin: str = "") -> str:
        """Run it; it must fail with exit code 1. Returns what it complained of."""
        said = await self.try_(*arguments, stdin=stdin)
        assert said.code == 1, said
        assert said.err, said
        return said.err

    @asynccontextmanager
    async def following(self, *arguments: str) -> AsyncIterator[Following]:
        """Run a command that follows something for as long as the context lasts."""
        process = await self._start(*arguments, stdin=False)
        try:
            assert process.stdout is not None
            yield Following(process.stdout)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    async def _start(self, *arguments: str, stdin: bool) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self._program,
            *("--server", self._url, *arguments),
            env=self._environment,
            cwd=self.home,
            stdin=PIPE if stdin else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )


class Following:
    """The lines of a command that goes on."""

    def __init__(self, stdout: asyncio.StreamReader) -> None:
        self._stdout = stdout

    async def line(self, *, within_s: float = FOLLOW_S) -> str:
        """Return its next line. Raises TimeoutError when none comes."""
        async with asyncio.timeout(within_s):
            return (await self._stdout.readline()).decode().rstrip("\n")

    async def until(self, text: str) -> list[str]:
        """Return its lines up to the first that contains a text. Raises TimeoutError."""
        told: list[str] = []
        async with asyncio.timeout(FOLLOW_S):
            while not told or text not in told[-1]:
                line = await self._stdout.readline()
                assert line, f"it ended, and had said {told}"
                told.append(line.decode().rstrip("\n"))
        return told


@asynccontextmanager
async def serving(
    program: str, home: Path, fleet: FleetOptions | None = None, store: Store | None = None
) -> AsyncIterator[Kubectl]:
    """A fresh cluster; unless told otherwise of three nodes, on the memory store."""
    store = store or STORES["memory"].make(StoreOptions(clock=CLOCK))
    config = ClusterConfig(fleet or FleetOptions(nodes=NODES))
    sock = bind("127.0.0.1", 0)
    async with (
        store,
        Cluster(config, store, CLOCK, random.Random(1)) as cluster,
        listen(cluster.server.app, sock, end_watches=cluster.server.fanout.shut_down),
    ):
        yield Kubectl(program, url_of(sock), home)


def with_kubectl(
    program: str,
    home: Path,
    scenario: Callable[[Kubectl], Awaitable[None]],
    fleet: FleetOptions | None = None,
    store: Store | None = None,
) -> None:
    """Play a scenario on a fresh cluster."""

    async def play() -> None:
        async with asyncio.timeout(SCENARIO_S), serving(program, home, fleet, store) as kubectl:
            await scenario(kubectl)

    asyncio.run(play())


def write_files(home: Path, files: Mapping[str, str]) -> None:
    """Write files, to be named by commands relative to their home."""
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
