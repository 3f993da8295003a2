"""A server of a station: started, looked at from outside, ended, started again on its data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, NamedTuple

from bench.child import Child, ChildError
from bench.generations.clients.interface import Client, ClientError
from bench.generations.subjects import HOST, Subject
from bench.own_etcd import PROGRAM, free_ports
from bench.sampling import PROC, cpu_s_of, read_usage
from storage.clock import Clock

READY_S_MAX: Final = 120.0
ASK_S_MAX: Final = 5.0
POLL_S: Final = 0.002
STARTS_MAX: Final = 3
SNAPSHOTS: Final = "*.snap"


class Look(NamedTuple):
    """What the kernel tells of the server's process at a moment."""

    stamp_ns: int
    cpu_s: float
    """User and system, of all threads, to the nanosecond."""
    anon_mib: float
    disk_bytes: int
    """Bytes that it has caused to be written to disks."""


class Start(NamedTuple):
    """What it took from the start of the process to its first answer."""

    seconds: float
    cpu_s: float
    """Of the server: what it waits for, as raft does for an election, is not in it."""


class Server:
    """One subject's process; ``async with`` ends it."""

    def __init__(self, subject: Subject, directory: Path, clock: Clock) -> None:
        self.subject = subject
        self._directory = directory
        self._clock = clock
        self._child: Child | None = None
        self._starts = 0
        self.address = ""

    async def __aenter__(self) -> Server:
        for attempt in range(1, STARTS_MAX + 1):
            port, self._peer_port = free_ports(2)
            self.address = f"{HOST}:{port}"
            try:
                self.begun = await self.start("/", present=False)
            except ChildError:
                await self.stop()
                taken = self._child is not None and "in use" in self._child.tail()
                if attempt == STARTS_MAX or not taken:
                    raise
            else:
                break
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """Return its process id."""
        assert self._child is not None
        return self._child.pid

    def client(self, *, connections: int = 1, polling: bool = False) -> Client:
        """Return a client of it."""
        return self.subject.client(self.address, connections=connections, polling=polling)

    def look(self) -> Look:
        """Read its process. Raises ChildError where it is gone."""
        usage = read_usage(self.pid)
        if usage is None:
            raise ChildError(f"{self.subject.name} has ended")
        return Look(
            self._clock.stamp_ns(), cpu_s_of(self.pid), usage.anon_mib, _disk_bytes(self.pid)
        )

    def snapshots(self) -> set[str]:
        """Return the names of the snapshot files that there are."""
        return {file.name for file in (self._directory / "data").rglob(SNAPSHOTS)}

    async def start(self, key: str, *, present: bool, hasty: bool = False) -> Start:
        """Start it on the data that are there; return what it took to its first answered read.

        ``hasty``: a real one waits less for its own election.

        ``present``: the answer counts once it has the key. Raises ChildError.
        """
        self._starts += 1
        port = int(self.address.rpartition(":")[2])
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = self.subject.command(port, self._peer_port, data, hasty=hasty)
        log = self._directory / f"{self.subject.name}-{self._starts}.log"
        name, code = self.subject.name, self.subject.exit_code
        self._child = Child(name, command, log, ours=not self.subject.real, exit_code=code)
        begin_ns, before_s = self._clock.stamp_ns(), 0.0
        await self._child.start()
        if self.subject.real:
            begin_ns = await self._became(PROGRAM)
            before_s = cpu_s_of(self.pid)
        try:
            async with asyncio.timeout(READY_S_MAX):
                while not await self._answers(key, present=present):  # noqa: ASYNC110  outside
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise ChildError(self._child.failure(f"no answer in {READY_S_MAX:g} s")) from None
        return Start((self._clock.stamp_ns() - begin_ns) / 1e9, cpu_s_of(self.pid) - before_s)

    async def stop(self) -> None:
        """End it. Idempotent."""
        if self._child is not None:
            await self._child.stop()

    async def _became(self, program: str) -> int:
        """Return when the process that ties it to this one has become the program itself."""
        assert self._child is not None
        name = PROC / str(self.pid) / "comm"
        while self._child.exit_code is None and name.read_text().strip() != program:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        return self._clock.stamp_ns()

    async def _answers(self, key: str, *, present: bool) -> bool:
        assert self._child is not None
        if self._child.exit_code is not None:
            raise ChildError(self._child.failure(f"ended with exit code {self._child.exit_code}"))
        try:
            async with asyncio.timeout(ASK_S_MAX), self.client() as client:
                return bool(await client.get(key)) or not present
        except (ClientError, TimeoutError):
            return False


def _disk_bytes(pid: int) -> int:
    for line in (PROC / str(pid) / "io").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "write_bytes":
            return int(value)
    return 0
