"""A process of the plane: started by its command line, ended by its pid, never by a name.

It says one JSON line on standard output when it is ready; its standard error goes to a file. It
runs in a session of its own, so that a Ctrl-C on the terminal reaches the measuring process only,
which then ends it in order.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import IO, Final

TAIL_LINES: Final = 20
REASON: Final = re.compile(
    r" (?:cluster\.processes\.shell ERROR (?!the process failed$)|C \| etcdmain: )(.+)\Z"
)
"""The last line of a process, ours or etcd, that cannot start, and why: no log is needed beside."""
STOP_S_MAX: Final = 15.0
"""How long a process may take to end after SIGTERM before it is killed."""


class ChildError(Exception):
    """A process of the plane did not come up; the message ends with the tail of its log."""


class Child:
    """One process. ``start``, ``ready``, ``stop``, in this order."""

    def __init__(
        self, name: str, command: list[str], log: Path, *, ours: bool = True, exit_code: int = 0
    ) -> None:
        self.name = name
        self.log = log
        self.ours = ours
        """It is Python, and writes its statistics when it is asked; others may be any program."""
        self._command = command
        self._asked_code = exit_code
        """What it ends with when it was asked to: Go programs die of the signal, after all."""
        self._process: Process | None = None
        self._stopping = False
        self._killed = False
        self._paused = False

    @property
    def pid(self) -> int:
        """Return its process id; it must have been started."""
        return self._running().pid

    @property
    def exit_code(self) -> int | None:
        """Return its exit code, negative for a signal; None while it runs."""
        return self._running().returncode

    @property
    def died(self) -> str:
        """Return name and exit code if it has ended unasked, or badly after being asked."""
        if self._process is None or self._killed:
            return ""
        code = self._process.returncode
        if code is None or (self._stopping and code in (0, self._asked_code)):
            return ""
        return f"{self.name} (exit code {code})"

    def again(self, log: Path) -> Child:
        """Return a process that is yet to be started by the same command, with a log of its own."""
        return Child(self.name, self._command, log, ours=self.ours, exit_code=self._asked_code)

    async def start(self) -> None:
        """Start it. Raises ChildError where there is no such program."""
        log = _open_log(self.log)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise ChildError(f"{self.name} cannot be started: {error}") from error
        finally:
            log.close()

    async def ready(self, timeout_s: float) -> dict[str, object]:
        """Wait for its ready line and return it.

        Raises ChildError when it ends, says something else, or takes longer than ``timeout_s``.
        """
        process = self._running()
        assert process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                line = await process.stdout.readline()
                if not line:
                    await process.wait()
        except TimeoutError:
            raise ChildError(self.failure(f"not ready after {timeout_s:g} s")) from None
        if not line:
            raise ChildError(self.failure(f"ended with exit code {process.returncode}"))
        try:
            facts = json.loads(line)
        except ValueError:
            facts = None
        if not isinstance(facts, dict) or facts.get("ready") is not True:
            raise ChildError(self.failure(f"said {line[:200]!r} instead of its ready line"))
        return facts

    async def ended(self) -> None:
        """Return once it has ended, whoever asked for it."""
        await self._running().wait()

    def dump_statistics(self) -> None:
        """Have it write its ``--stats`` file now (SIGUSR1); nothing if it has ended, or cannot."""
        if self.ours:
            self._signal(signal.SIGUSR1)

    async def kill(self) -> None:
        """SIGKILL, as a fault that is meant: it is not told as one that died."""
        self._killed = True
        self._signal(signal.SIGKILL)
        await self.ended()

    def pause(self) -> None:
        """SIGSTOP, as a fault that is meant: it keeps its connections and answers nothing."""
        self._paused = True
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT; nothing if it was not stopped."""
        if self._paused:
            self._paused = False
            self._signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL if it has not ended in time. Idempotent."""
        self._stopping = True
        if self._process is None:
            return
        self.resume()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def tail(self) -> str:
        """Return the last lines of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-TAIL_LINES:])

    def failure(self, what: str) -> str:
        """Return what happened to it, and why: the reason that it told, or the end of its log."""
        tail = self.tail()
        if reason := REASON.search(tail):
            return f"{self.name} {what}: {reason[1]}"
        if tail and "\n" not in tail:
            return f"{self.name} {what}: {tail}"
        return f"{self.name} {what}; the end of {self.log}:\n{tail}"

    def _signal(self, number: signal.Signals) -> None:
        process = self._running()
        if process.returncode is None:
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                return

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")
