"""The processes of a scenario: the load, and what is served to it; killed, limited, traced."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from storage.clock import SystemClock
from tests.etcd_members import free_ports
from tests.faults.records import (
    Acknowledged,
    Alarm,
    Died,
    Ended,
    Entry,
    Reached,
    Refused,
    Unknown,
    decode,
)

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 60.0
"""Nothing that is waited for takes so long; what does has failed."""


class ScenarioError(Exception):
    """A scenario could not be played."""


class LoadProcess:
    """A load in a process of its own; its entries are gathered in ``entries``."""

    def __init__(self, store: str, folder: Path, entries: list[Entry]) -> None:
        self.entries = entries
        self.opens = True
        """False: its store could not be opened, and said why."""
        self.acknowledged = 0
        self.refused = 0
        self.pid = 0
        self._well = True
        """No write was refused for want of room since the last success."""
        self._alarm = ""
        """What the store said last of why it is read-only."""
        self._store = store
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._opened = False
        self._reached: dict[str, int] = {}
        self._first = 0

    def start(
        self,
        seed: str,
        *,
        prefix: Sequence[str] = (),
        more: Sequence[str] = (),
        writers: int = 8,
        timed: bool = False,
    ) -> None:
        """Start one, behind the words of ``prefix``; stories go on where the last one's ended."""
        after = [f"--after={name}={at}" for name, at in self._reached.items() if name != "late"]
        command = [
            *prefix,
            *(sys.executable, "-m", "tests.faults.child", self._store, "--seed", seed),
            *("--first", str(self._first), "--writers", str(writers), *after),
            *(["--timed"] if timed else []),
            *more,
        ]
        if "://" not in self._store:
            command += ["--data-dir", str(self._folder / "data")]
        self._first += writers + 1
        self._opened, self._rest = False, b""
        with (self._folder / "load.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT
            )
        self.pid = self._process.pid

    def wait(self, seconds: float) -> None:
        """Take what it says for so long."""
        clock = SystemClock()
        end_ns = clock.stamp_ns() + int(seconds * 1e9)
        while (left_ns := end_ns - clock.stamp_ns()) > 0:
            if not self._take(left_ns / 1e9):
                return

    def wait_open(self) -> None:
        """Wait until its store is open."""
        self._until(lambda: self._opened)

    def wait_acknowledged(self, more: int) -> None:
        """Wait until so many more writes are acknowledged."""
        goal = self.acknowledged + more
        self._until(lambda: self.acknowledged >= goal)

    def wait_refused(self, more: int = 1) -> None:
        """Wait until so many more writes had no success because the store is read-only.

        A client of the second protocol is told what leaves the outcome open.
        """
        goal = self.refused + more
        self._until(lambda: self.refused >= goal)

    def wait_alarm(self) -> None:
        """Wait until the store has told that it is read-only."""
        self._until(lambda: self._alarm)

    def wait_ended(self, stories: Iterable[str]) -> None:
        """Wait until each of these watches has ended once more."""
        start, wanted = len(self.entries), set(stories)
        self._until(
            lambda: wanted <= {e.story for e in self.entries[start:] if isinstance(e, Ended)}
        )

    def wait_well(self, more: int) -> None:
        """Wait until so many more writes are acknowledged, the last entry's among them."""
        self.wait_acknowledged(more)
        self._until(lambda: self._well)

    def kill(self) -> None:
        """SIGKILL; what it had said is taken. Idempotent."""
        if self._process is None:
            return
        self._process.kill()
        while self._take(PATIENCE_S):
            pass
        self._process.communicate()
        self._process = None
        self.entries.append(Died(SystemClock().stamp_ns()))

    def finish(self) -> None:
        """Let the writers stop and the watches settle. Raises ScenarioError where it fails."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        clock = SystemClock()
        end_ns = clock.stamp_ns() + int(PATIENCE_S * 1e9)
        while self._take(max(0.01, (end_ns - clock.stamp_ns()) / 1e9)):
            if clock.stamp_ns() > end_ns:
                raise ScenarioError("the load does not end")
        process.communicate()
        self._process = None
        if process.returncode:
            raise ScenarioError(
                f"the load failed: {(self._folder / 'load.log').read_text()[-3000:]}"
            )

    def _until(self, true: object) -> None:
        assert callable(true)
        clock = SystemClock()
        end_ns = clock.stamp_ns() + int(PATIENCE_S * 1e9)
        while not true():
            left_ns = end_ns - clock.stamp_ns()
            if left_ns < 0 or not self._take(left_ns / 1e9):
                log = (self._folder / "load.log").read_text()[-3000:]
                raise ScenarioError(f"the load does not get on: {log}")

    def _take(self, seconds: float) -> bool:
        """Take what it says next; False where it has ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], seconds)[0]:
            return True
        chunk = os.read(pipe, 1 << 16)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line in (b"open", b"not opened"):
                self._opened, self.opens = True, line == b"open"
            else:
                self._note(decode(line))
        return bool(chunk)

    def _note(self, entry: Entry) -> None:
        self.entries.append(entry)
        if isinstance(entry, Acknowledged):
            self.acknowledged += 1
            self._well = True
        elif isinstance(entry, Unknown) or (
            isinstance(entry, Refused) and entry.why == "ReadOnlyError"
        ):
            self.refused += 1
            self._well = False
        elif isinstance(entry, Alarm):
            self._alarm = entry.why
        elif isinstance(entry, Reached):
            self._reached[entry.story] = entry.revision

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


class ServedProcess:
    """``kubedyno etcd`` on a port and data of its own."""

    def __init__(self, folder: Path, engine: str, api: int) -> None:
        self.target = f"127.0.0.1:{next(free_ports())}"
        self.url = f"etcd{api}://{self.target}"
        self.pid = 0
        self._folder = folder
        self._engine = engine
        self._api = api
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, prefix: Sequence[str] = (), sync: bool = True) -> None:
        """Start it, and wait for its ready line."""
        command = [
            *prefix,
            *(sys.executable, "-m", "cluster.processes.etcd", "--listen", self.target),
            *("--parent", str(os.getpid())),
        ]
        if self._api != 3:
            command += ["--api", str(self._api)]
        else:
            command += ["--store", self._engine]
        if not sync:
            command.append("--no-sync")
        if self._engine != "memory":
            command += ["--data-dir", str(self._folder / "data")]
        with (self._folder / "served.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd=ROOT
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if b"ready" not in line:
            raise ScenarioError(f"not served: {(self._folder / 'served.log').read_text()[-3000:]}")
        self.pid = int(line.partition(b'"pid": ')[2].partition(b",")[0] or self._process.pid)

    def kill(self) -> None:
        """SIGKILL. Idempotent."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):  # it may have been started by strace
            os.kill(self.pid or self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()
        self._process = None

    def stop(self) -> None:
        """SIGTERM, and wait until it has ended."""
        assert self._process is not None
        os.kill(self.pid, signal.SIGTERM)
        self._process.communicate(timeout=PATIENCE_S)
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
