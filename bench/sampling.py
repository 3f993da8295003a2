"""CPU and memory of processes, read from outside: /proc, once a second."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from storage.clock import Clock

INTERVAL_S: Final = 1.0
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
PROC: Final = Path("/proc")
PROCESS_CLOCK: Final = 2
"""CPUCLOCK_SCHED."""


class Usage(NamedTuple):
    """A process at a moment; CPU is cumulative, user and system, in steps of a clock tick."""

    cpu_s: float
    anon_mib: float
    file_mib: float


class Sample(NamedTuple):
    """A usage, and when and of whom it was read."""

    stamp_ns: int
    process: str
    usage: Usage


def read_usage(pid: int, proc: Path = PROC) -> Usage | None:
    """Return what a process has used so far; None when it is gone."""
    try:
        stat = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in brackets, which may hold blanks and brackets.
    fields = stat.rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    memory = _memory_mib(status)
    return Usage(ticks / TICKS_PER_S, memory.get("RssAnon", 0.0), memory.get("RssFile", 0.0))


def cpu_s_of(pid: int) -> float:
    """Return the CPU of a process, of all threads that it ever had, to the nanosecond.

    The kernel has a clock for each process (clock_getcpuclockid); its number is made of the pid.
    Raises OSError where there is no such process.
    """
    return time.clock_gettime((~pid << 3) | PROCESS_CLOCK)


def _memory_mib(status: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in status.splitlines():
        name, _, rest = line.partition(":")
        if name in ("RssAnon", "RssFile"):
            found[name] = int(rest.split()[0]) / 1024
    return found


class Sampler:
    """Reads a set of processes; ``run`` does it for ever, ``sample`` once and now.

    What is used inside ``excluded`` counts for nobody: CPU is reported as if it had not been, and
    no samples are kept meanwhile. Memory that stays allocated afterwards cannot be told apart, so
    peaks are to be taken from the samples before ``first_excluded_ns``.
    """

    def __init__(self, pids: Callable[[], Mapping[str, int]], clock: Clock) -> None:
        """``pids`` says who is to be read; where a name's pid changes, its CPU goes on from there.

        What the former one used after its last sample is lost.
        """
        self._pids = pids
        self._clock = clock
        self._excluded_cpu_s: defaultdict[str, float] = defaultdict(float)
        self._former_cpu_s: defaultdict[str, float] = defaultdict(float)
        """Of processes that have been replaced."""
        self._latest: dict[str, tuple[int, float]] = {}
        """By name: whom it was read of last, and what that had used by itself."""
        self._paused = False
        self.samples: list[Sample] = []
        self.first_excluded_ns = 0
        """0 until something was excluded."""

    def sample(self) -> dict[str, Usage]:
        """Read every process now; those that are gone are left out."""
        stamp_ns = self._clock.stamp_ns()
        usages: dict[str, Usage] = {}
        for name, pid in self._pids().items():
            usage = read_usage(pid)
            if usage is not None:
                last_pid, last_cpu_s = self._latest.get(name, (pid, 0.0))
                if last_pid != pid:
                    self._former_cpu_s[name] += last_cpu_s
                self._latest[name] = (pid, usage.cpu_s)
                cpu_s = usage.cpu_s + self._former_cpu_s[name] - self._excluded_cpu_s[name]
                usages[name] = usage._replace(cpu_s=cpu_s)
                if not self._paused:
                    self.samples.append(Sample(stamp_ns, name, usages[name]))
        return usages

    @contextmanager
    def excluded(self) -> Iterator[None]:
        """Leave out what the processes use from here on."""
        before = self.sample()
        self.first_excluded_ns = self.first_excluded_ns or self._clock.stamp_ns()
        self._paused = True
        try:
            yield
        finally:
            for name, usage in self.sample().items():
                if name in before:
                    self._excluded_cpu_s[name] += usage.cpu_s - before[name].cpu_s
            self._paused = False

    async def run(self) -> None:
        """Sample once a second until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(INTERVAL_S)
