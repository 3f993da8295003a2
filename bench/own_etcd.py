"""Real etcd members on loopback, for the time of a run: the program ``etcd`` from the path.

A cluster of its own on free ports, its data below the run's. Nothing is compacted by itself, as
under a kube-apiserver, which does that; everything else but the quota is as etcd usually is.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

from bench.child import Child, ChildError
from bench.data_places import MEMBERS_FILE, REAL, refuse_others
from bench.etcd_metrics import DISK_BYTES, EtcdFace, etcd_counters, etcd_leads, etcd_version
from bench.statistics_files import ProcessStatistics
from storage.clock import Clock

PROGRAM: Final = "etcd"
READY_S_MAX: Final = 30.0
POLL_S: Final = 0.05
ASK_S_MAX: Final = 0.5
"""For the question who leads: one that is stopped does not answer, and another one leads."""
QUOTA_BYTES: Final = 8 << 30
"""The most that etcd recommends; by default it is 2 GiB, and the store becomes read-only there."""
ENDED_BY_SIGTERM: Final = -15
BLOCK_BYTES: Final = 512
"""Of ``st_blocks``, whatever the file system."""
PORT_ATTEMPTS: Final = 3
"""A port that was free may be taken before etcd binds it."""


class Member(NamedTuple):
    """Where one listens."""

    name: str
    client: int
    peer: int

    @property
    def client_url(self) -> str:
        """Return where it answers clients, and tells its health and metrics."""
        return f"http://127.0.0.1:{self.client}"

    @property
    def peer_url(self) -> str:
        """Return where it answers the other members."""
        return f"http://127.0.0.1:{self.peer}"


class OwnEtcd:
    """``start``, then ``stop``; in between ``statistics`` at any time."""

    def __init__(
        self, members: int, data: Path, logs: Path, clock: Clock, *, generation: int = 3
    ) -> None:
        self._count = members
        self._generation = generation
        self._data = data
        self._logs = logs
        self._clock = clock
        self._members: list[Member] = []
        self._faces: dict[str, EtcdFace] = {}
        self._open = AsyncExitStack()
        self.children: list[Child] = []
        self.version = ""

    @property
    def url(self) -> str:
        """Return what an API server is told as its store."""
        return f"etcd{self._generation}://" + ",".join(
            f"127.0.0.1:{member.client}" for member in self._members
        )

    async def start(self) -> None:
        """Start the members and wait until all are healthy. Raises ChildError."""
        program = shutil.which(PROGRAM)
        if program is None:
            raise ChildError(f"there is no program {PROGRAM!r} on the path (--real-etcd needs it)")
        refuse_others(self._data, REAL)
        kept = _kept_members(self._data, self._count)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self._members = kept or _members(self._count)
            self.children = [self._child(program, member) for member in self._members]
            for child in self.children:
                await child.start()
            try:
                await self._meet()
            except ChildError:
                await self.stop()
                taken = any("in use" in child.tail() for child in self.children)
                if attempt == PORT_ATTEMPTS or kept or not taken:
                    raise
            else:
                _keep_members(self._data, self._members)
                return

    async def stop(self) -> None:
        """End all members, by their pids. Idempotent.

        One by one: a leader hands over before it ends, and waits 7 s for others that end, too.
        """
        await self._open.aclose()
        self._faces.clear()
        for child in self.children:
            await child.stop()

    async def leader(self) -> str:
        """Return which member says that it leads; empty where none does, or more than one."""
        texts = await asyncio.gather(*(face.metrics(ASK_S_MAX) for face in self._faces.values()))
        found = [n for n, text in zip(self._faces, texts, strict=True) if etcd_leads(text)]
        return found[0] if len(found) == 1 else ""

    async def kill(self, name: str) -> None:
        """SIGKILL a member."""
        await self._named(name).kill()

    def pause(self, name: str) -> None:
        """SIGSTOP a member."""
        self._named(name).pause()

    def resume(self, name: str) -> None:
        """SIGCONT a member."""
        self._named(name).resume()

    async def restart(self, name: str) -> None:
        """Start a killed member again on its data; its log goes on in a file beside."""
        old = self._named(name)
        again = old.again(old.log.with_suffix(".restarted.log"))
        await again.start()
        self.children[self.children.index(old)] = again

    async def healthy(self) -> None:
        """Return when all members are healthy. Raises ChildError."""
        try:
            async with asyncio.timeout(READY_S_MAX):
                for face in self._faces.values():
                    while not await face.healthy():
                        self._check_alive()
                        await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise ChildError(f"etcd is not healthy after {READY_S_MAX:g} s") from None

    async def statistics(self) -> dict[str, ProcessStatistics]:
        """Return what the members tell of themselves; those that do not answer are left out."""
        texts = await asyncio.gather(*(face.metrics() for face in self._faces.values()))
        told = {}
        for name, text in zip(self._faces, texts, strict=True):
            if counters := etcd_counters(text, self._generation):
                counters[DISK_BYTES] = _disk_bytes(self._data / name)
                told[name] = ProcessStatistics(counters=counters)
        return told

    def _child(self, program: str, member: Member) -> Child:
        command = [
            *(sys.executable, "-m", "bench.tied", str(os.getpid())),
            *etcd_command(program, member, self._members, self._data),
            *(("--enable-v2",) if self._generation == 2 else ()),
        ]
        log = self._logs / f"{member.name}.log"
        return Child(member.name, command, log, ours=False, exit_code=ENDED_BY_SIGTERM)

    async def _meet(self) -> None:
        for member in self._members:
            face = await self._open.enter_async_context(EtcdFace(member.client_url, self._clock))
            self._faces[member.name] = face
        await self.healthy()
        for face in self._faces.values():
            self.version = etcd_version(await face.metrics())

    def _named(self, name: str) -> Child:
        return next(child for child in self.children if child.name == name)

    def _check_alive(self) -> None:
        for child in self.children:
            if child.exit_code is not None:
                raise ChildError(child.failure(f"ended with exit code {child.exit_code}"))


def _disk_bytes(directory: Path) -> float:
    """Return what its files take; there are few of them."""
    return float(sum(file.stat().st_blocks * BLOCK_BYTES for file in directory.rglob("*")))


def _keep_members(data: Path, members: Sequence[Member]) -> None:
    """Write down who keeps these data: etcd finds its members where they were the last time."""
    told = json.dumps([member._asdict() for member in members])
    (data / MEMBERS_FILE).write_text(told + "\n", encoding="utf-8")


def _kept_members(data: Path, count: int) -> list[Member]:
    """Return who kept the data the last time; none where there are none. Raises ChildError."""
    file = data / MEMBERS_FILE
    if not file.exists():
        return []
    try:
        members = [Member(**each) for each in json.loads(file.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise ChildError(f"{file} does not tell the members: {error}") from error
    if len(members) != count:
        raise ChildError(f"the data in {data} are of {len(members)} members, not of {count}")
    return members


def member_names(count: int) -> list[str]:
    """Return the names of the members' processes."""
    return ["etcd"] if count == 1 else [f"etcd-{number}" for number in range(1, count + 1)]


def _members(count: int) -> list[Member]:
    ports = iter(free_ports(2 * count))
    return [Member(name, next(ports), next(ports)) for name in member_names(count)]


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free now, all different."""
    socks = [socket.socket() for _ in range(count)]
    try:
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in socks]
    finally:
        for sock in socks:
            sock.close()


def etcd_command(program: str, own: Member, members: Sequence[Member], data: Path) -> list[str]:
    """Return the command line of a member."""
    return [
        program,
        *("--name", own.name),
        *("--data-dir", str(data / own.name)),
        *("--listen-client-urls", own.client_url),
        *("--advertise-client-urls", own.client_url),
        *("--listen-peer-urls", own.peer_url),
        *("--initial-advertise-peer-urls", own.peer_url),
        *("--initial-cluster", ",".join(f"{m.name}={m.peer_url}" for m in members)),
        *("--initial-cluster-state", "new"),
        *("--quota-backend-bytes", str(QUOTA_BYTES)),
        *("--auto-compaction-retention", "0"),
    ]
