"""Real etcd members that belong to no event loop, for tests: killed, stopped, restarted by pid.

The flags are those of the members that a run starts (``bench.own_etcd``), and whatever a test adds:
TLS towards clients, v2, elections that are over soon.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bench.own_etcd import PROGRAM, Member, etcd_command
from tests.etcd_probe import EtcdTls, MemberStatus, Probe

HOST: Final = "127.0.0.1"
FIRST_PORT: Final = 20_000
LAST_PORT: Final = 32_000
"""Below what Linux gives to outgoing connections, so that a member finds its port again."""
READY_S_MAX: Final = 30.0
ASK_EVERY_S: Final = 0.05
STOP_S_MAX: Final = 5.0
STARTS_MAX: Final = 3
"""Between the choice of a port and its use someone else may take it."""
TAIL_LINES: Final = 20


class EtcdError(Exception):
    """The program is missing, or a cluster of it did not come up; the message says which."""


@dataclass(frozen=True, slots=True)
class EtcdOptions:
    """How the members are to be."""

    members: int = 1
    enable_v2: bool = False
    heartbeat_ms: int = 100
    election_ms: int = 1000
    """etcd's own defaults: on a busy machine shorter ones elect without need."""
    tls: EtcdTls | None = None
    extra: tuple[str, ...] = ()
    """Further flags, as they are."""


class EtcdMember:
    """One member; its pid changes when it is restarted."""

    def __init__(self, place: Member, directory: Path) -> None:
        self.place = place
        self.name = place.name
        self.endpoint = f"{HOST}:{place.client}"
        self.log = directory / f"{place.name}.log"
        self.paused = False
        """Whether it has been stopped (SIGSTOP) and not continued."""
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = False

    @property
    def pid(self) -> int:
        """Return its process id; it must have been started."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Return whether its process is there, stopped or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def died(self) -> str:
        """Return name and exit code where it has ended unasked."""
        if self._process is None or self._asked or self.running:
            return ""
        return f"{self.name} (exit code {self._process.returncode})"

    def launch(self, command: list[str]) -> None:
        """Start its process."""
        assert not self.running
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._asked = self.paused = False
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, and see that it is gone. Idempotent."""
        self._asked = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP, and wait until it stands still: it keeps its connections and answers nothing."""
        self.paused = True
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT."""
        self.paused = False
        os.kill(self.pid, signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM; one that is stopped is continued for it."""
        self._asked = True
        if self._process is not None and self.running:
            self._process.terminate()
            if self.paused:
                self.resume()

    def wait(self, timeout_s: float) -> None:
        """Return when it has ended; one that takes longer is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        """Return the last lines of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-TAIL_LINES:])


class EtcdCluster:
    """The members; ``async with``, or ``start`` and ``end``, which belong to no event loop."""

    def __init__(self, directory: Path, options: EtcdOptions | None = None) -> None:
        """``directory`` takes data directories and logs, one of each a member."""
        self._directory = directory
        self._options = options or EtcdOptions()
        self.members: list[EtcdMember] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.to_thread(self.end)

    @property
    def endpoints(self) -> list[str]:
        """Return ``host:port`` of each member."""
        return [member.endpoint for member in self.members]

    @property
    def url(self) -> str:
        """Return what ``--store`` takes, but for TLS and login."""
        return f"etcd3://{','.join(self.endpoints)}"

    @property
    def v2_url(self) -> str:
        """Return the same for the protocol of etcd 2."""
        return f"etcd2://{','.join(self.endpoints)}"

    @property
    def pids(self) -> dict[str, int]:
        """Return the process ids of the members that run, by name."""
        return {member.name: member.pid for member in self.members if member.running}

    @property
    def died(self) -> list[str]:
        """Return which members have ended unasked, with their exit codes."""
        return [member.died for member in self.members if member.died]

    async def start(self) -> None:
        """Start all members on new ports; return when each of them answers linearizable reads.

        Raises EtcdError.
        """
        program = shutil.which(PROGRAM)
        if program is None:
            raise EtcdError(f"there is no program {PROGRAM!r} on PATH")
        for attempt in range(STARTS_MAX):
            self._choose()
            try:
                for member in self.members:
                    member.launch(self._command(program, member))
                await self.healthy()
            except BaseException as error:
                taken = any("address already in use" in m.tail() for m in self.members)
                self.kill()
                if not (taken and isinstance(error, EtcdError) and attempt + 1 < STARTS_MAX):
                    raise
            else:
                return

    async def healthy(self, *, timeout_s: float = READY_S_MAX) -> None:
        """Return when every member that runs, and is not stopped, answers linearizable reads.

        Raises EtcdError where one has ended, or takes longer.
        """
        try:
            async with asyncio.timeout(timeout_s):
                for member in self.members:
                    await self._until_healthy(member)
        except TimeoutError:
            tails = "\n".join(f"{m.name}:\n{m.tail()}" for m in self.members)
            raise EtcdError(f"etcd is not healthy after {timeout_s:g} s; {tails}") from None

    async def status(self, member: EtcdMember) -> MemberStatus | None:
        """Return what a member says of itself; None where it does not answer."""
        async with Probe(member.endpoint, self._options.tls) as probe:
            return await probe.status()

    async def leader(self, *, timeout_s: float = READY_S_MAX) -> EtcdMember:
        """Return the member that leads: of those that say so, the one of the newest term.

        Raises EtcdError where there is none within ``timeout_s``.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    leaders = await self._leaders()
                    if leaders:
                        return leaders[max(leaders)]
                    await asyncio.sleep(ASK_EVERY_S)
        except TimeoutError:
            raise EtcdError(f"etcd has no leader after {timeout_s:g} s") from None

    async def restart(self, member: EtcdMember) -> None:
        """Start a member again that was killed, on its data; return when it is healthy.

        Raises EtcdError.
        """
        program = shutil.which(PROGRAM)
        assert program is not None
        member.launch(self._command(program, member))
        await self.healthy()

    def end(self) -> None:
        """End all members, at most five seconds each. Blocks; idempotent."""
        for member in self.members:
            member.ask_to_end()
        for member in self.members:
            member.wait(STOP_S_MAX)

    def kill(self) -> None:
        """SIGKILL all members. Idempotent."""
        for member in self.members:
            member.kill()

    async def _leaders(self) -> dict[int, EtcdMember]:
        """Return who says that it leads, by term: one that has lost it may not know yet."""
        found = {}
        for member in self.members:
            if member.running and not member.paused:
                status = await self.status(member)
                if status is not None and status.leads:
                    found[status.raft_term] = member
        return found

    async def _until_healthy(self, member: EtcdMember) -> None:
        async with Probe(member.endpoint, self._options.tls) as probe:
            while member.running and not member.paused:
                if await probe.healthy():
                    return
                await asyncio.sleep(ASK_EVERY_S)
        if member.died:
            raise EtcdError(f"{member.died} ended; the end of {member.log}:\n{member.tail()}")

    def _choose(self) -> None:
        ports = free_ports()
        places = [
            Member(f"etcd-{number}", next(ports), next(ports))
            for number in range(1, self._options.members + 1)
        ]
        self.members = [EtcdMember(place, self._directory) for place in places]

    def _command(self, program: str, member: EtcdMember) -> list[str]:
        options = self._options
        return [
            *(sys.executable, "-m", "bench.tied", str(os.getpid())),
            *etcd_command(program, member.place, [m.place for m in self.members], self._directory),
            *("--heartbeat-interval", str(options.heartbeat_ms)),
            *("--election-timeout", str(options.election_ms)),
            f"--enable-v2={'true' if options.enable_v2 else 'false'}",
            *(_tls_flags(options.tls, member.endpoint) if options.tls else []),
            *options.extra,
        ]


def free_ports() -> Iterator[int]:
    """Yield ports on loopback that nobody listens on, other ones first in other processes."""
    span = LAST_PORT - FIRST_PORT
    offset = os.getpid() * 16 % span
    for step in range(span):
        port = FIRST_PORT + (offset + step) % span
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        yield port
    raise EtcdError(f"there is no free port from {FIRST_PORT} to {LAST_PORT}")


def _tls_flags(tls: EtcdTls, endpoint: str) -> list[str]:
    url = f"https://{endpoint}"
    flags = ["--listen-client-urls", url, "--advertise-client-urls", url]
    flags += ["--cert-file", str(tls.cert_file), "--key-file", str(tls.key_file)]
    if tls.client_cert_file is not None:
        flags += ["--client-cert-auth", "--trusted-ca-file", str(tls.ca_file)]
    return flags
