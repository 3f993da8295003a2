"""What stands under the API servers of a plane: nothing, an engine that is served, etcd, or a URL.

``start`` brings up what there is to bring up and returns what the API servers are told as their
``--store``; ``stop`` ends it, after them.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from bench.apiservers import ETCD
from bench.child import Child, ChildError
from bench.data_places import refuse_others
from bench.declared import USUAL as DECLARED
from bench.declared import Declared
from bench.etcd_faults import Members
from bench.etcd_metrics import EtcdFace, etcd_counters, etcd_version
from bench.own_etcd import OwnEtcd
from bench.results import Config
from bench.statistics_files import ProcessStatistics
from bench.store_choice import USUAL_GENERATION, generation_of, is_url, real_members
from storage.clock import Clock
from storage.remote.url import ETCD3, RemoteUrl, parse_url

ENGINE_READY_S_MAX: Final = 60.0
REGISTRY: Final = "/registry/"
ASK_S_MAX: Final = 600.0
"""Removing what a large run left takes its time."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What it is, as far as that is known."""

    kind: str = "embedded"
    """``embedded``, ``served``, ``real`` or ``remote``."""
    members: int = 0
    """Processes that keep it beside the API server; 0: it is in there."""
    version: str = ""
    """Of etcd."""
    url: str = ""
    """What the API servers were told, without password."""
    declared: Declared = DECLARED
    """By the API servers, once they serve."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where it may keep things, and how a process is started."""

    config: Config
    data: Path
    logs: Path
    clock: Clock
    child: Callable[[str, list[str]], Child]
    """Make one of our own processes, by its name and its own arguments."""
    fresh: bool = True
    """What is there must be this plane's alone: a store of others holds nothing of Kubernetes', and
    what the plane leaves there goes at the end, unless it is to be kept."""


class PlaneStore(Protocol):
    """A store below the API servers."""

    facts: StoreFacts

    @property
    def children(self) -> list[Child]:
        """Return its processes."""
        ...

    async def start(self) -> str:
        """Bring it up; return the API servers' ``--store``. Raises ChildError."""
        ...

    async def statistics(self) -> Mapping[str, ProcessStatistics]:
        """Return what it tells by itself; our own processes write files instead."""
        ...

    async def stop(self) -> None:
        """End it. Idempotent."""
        ...

    @property
    def members(self) -> Members | None:
        """Return what faults can be planted into; None where there is nothing of that sort."""
        ...


def plane_store(site: Site) -> PlaneStore:
    """Return what a config asks for."""
    config = site.config
    if real_members(config.store):
        return _Real(site)
    if is_url(config.store):
        return _Remote(site)
    return _Embedded(site) if config.apiservers == 1 else _Served(site)


class _Embedded:
    """It is in the API server's process."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.children: list[Child] = []
        self.facts = StoreFacts()

    @property
    def members(self) -> Members | None:
        return None

    async def start(self) -> str:
        refuse_others(self._site.data, self._site.config.store)
        return self._site.config.store

    async def statistics(self) -> Mapping[str, ProcessStatistics]:
        return {}

    async def stop(self) -> None:
        """There is nothing to end."""


class _Served:
    """Our engine in a process of its own, over a Unix socket.

    The socket's directory is short, whatever the results are called: its path has 107 bytes.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._directory: Path | None = None
        self.children: list[Child] = []
        self.facts = StoreFacts("served", 1)

    @property
    def members(self) -> Members | None:
        return None

    async def start(self) -> str:
        refuse_others(self._site.data, self._site.config.store)
        self._directory = Path(tempfile.mkdtemp(prefix="kubedyno-"))
        socket = self._directory / "etcd.sock"
        generation = generation_of(self._site.config.store) or USUAL_GENERATION
        arguments = [
            *("--listen", f"unix:{socket}"),
            *("--api", str(generation)),
            *("--store", self._site.config.store),
            *("--data-dir", str(self._site.data)),
            *("--attribution", self._site.config.switches.attribution),
        ]
        child = self._site.child(ETCD, arguments)
        self.children = [child]
        await child.start()
        await child.ready(ENGINE_READY_S_MAX)
        url = f"etcd{generation}+unix://{socket}"
        self.facts = StoreFacts("served", 1, url=url)
        return url

    async def statistics(self) -> Mapping[str, ProcessStatistics]:
        return {}

    async def stop(self) -> None:
        await asyncio.gather(*(child.stop() for child in self.children))
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


class _Real:
    """The real thing, started for this plane."""

    def __init__(self, site: Site) -> None:
        self._config = site.config
        self._members = real_members(site.config.store)
        generation = generation_of(site.config.store)
        self._etcd = OwnEtcd(self._members, site.data, site.logs, site.clock, generation=generation)
        self.facts = StoreFacts("real", self._members)

    @property
    def children(self) -> list[Child]:
        return self._etcd.children

    @property
    def members(self) -> Members | None:
        return self._etcd

    async def start(self) -> str:
        await self._etcd.start()
        self.facts = StoreFacts("real", self._members, self._etcd.version, self._etcd.url)
        return with_batch(parse_url(self._etcd.url), self._config).redacted

    async def statistics(self) -> Mapping[str, ProcessStatistics]:
        return await self._etcd.statistics()

    async def stop(self) -> None:
        await self._etcd.stop()


@dataclass(slots=True)
class _Remote:
    """One that others run: what its members tell over plain HTTP is taken, where they do."""

    site: Site
    children: list[Child] = field(default_factory=list)
    facts: StoreFacts = field(default_factory=StoreFacts)
    _faces: dict[str, EtcdFace] = field(default_factory=dict)
    _ours: bool = False
    """All of Kubernetes' keys there are of our making."""
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def members(self) -> Members | None:
        return None

    async def start(self) -> str:
        url = parse_url(self.site.config.store)
        keys = await _ask("count", url)
        if keys and self.site.fresh:
            raise ChildError(
                f"{url.redacted} holds {keys:,} keys under {REGISTRY} already: a run needs that "
                f"space for itself ({_emptying(url)} would empty it)"
            )
        self._ours = self.site.fresh and not self.site.config.keep_store
        targets = [] if url.tls else [t for t in url.targets if not t.startswith("unix:")]
        names = [ETCD] if len(targets) == 1 else [f"{ETCD}-{n + 1}" for n in range(len(targets))]
        version = ""
        for name, target in zip(names, targets, strict=True):
            face = EtcdFace(f"http://{target}", self.site.clock)
            self._faces[name] = await self._open.enter_async_context(face)
            version = version or etcd_version(await face.metrics())
        self.facts = StoreFacts("remote", len(url.targets), version, url.redacted)
        return with_batch(url, self.site.config).redacted

    async def statistics(self) -> Mapping[str, ProcessStatistics]:
        texts = [await face.metrics() for face in self._faces.values()]
        generation = generation_of(self.site.config.store)
        told = {
            name: etcd_counters(text, generation)
            for name, text in zip(self._faces, texts, strict=True)
        }
        return {name: ProcessStatistics(counters=found) for name, found in told.items() if found}

    async def stop(self) -> None:
        await self._open.aclose()
        if self._ours:
            self._ours = False
            with suppress(ChildError):  # what is left is told by the next run
                await _ask("clear", parse_url(self.site.config.store))


def _emptying(url: RemoteUrl) -> str:
    """Return what etcdctl would be told to remove Kubernetes' keys."""
    place = f"{url.prefix}{REGISTRY}"
    if url.kind == ETCD3:
        return f"etcdctl del --prefix {place}"
    return f"ETCDCTL_API=2 etcdctl rm --recursive {place}"


async def _ask(action: str, url: RemoteUrl) -> int:
    """Have a process of its own ask the store: gRPC is kept out of this one.

    Returns how many keys there are, or were left. Raises ChildError.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cluster.processes.store_space", action, url.redacted),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(ASK_S_MAX):
            told, said = await process.communicate()
    except TimeoutError:
        raise ChildError(f"no answer from {url.redacted} within {ASK_S_MAX:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        raise ChildError(lines[-1] if lines else f"{url.redacted} could not be asked")
    return int(json.loads(told)["keys"]) if told else 0


def with_batch(url: RemoteUrl, config: Config) -> RemoteUrl:
    """Return a store's address with what the config asks of its client."""
    return replace(url, batch=config.switches.etcd_batch == "on")
