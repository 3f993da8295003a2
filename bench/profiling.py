"""Profiles of processes by py-spy: folded stacks, and the most expensive functions as text.

py-spy looks from outside, a hundred times a second; what it takes itself is why a profiled run is
``degraded``. Only samples in which the interpreter's lock is held count: a thread of uvloop that
waits for sockets looks busy otherwise. What runs without the lock (a commit's sync, for one) is
therefore not in the profile. The folded stacks open in speedscope and in any flame graph tool.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

RATE_HZ: Final = 100
TOP: Final = 5
STOP_S_MAX: Final = 30.0


class Profilers:
    """A py-spy per process: ``start``, ``stop``; ``refused`` says what could not be profiled."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: dict[str, Process] = {}
        self.refused: dict[str, str] = {}
        """Name of a process → why there is no profile of it."""

    async def start(self, pids: Mapping[str, int]) -> None:
        """Attach to every process."""
        program = find_py_spy()
        if program is None:
            self.refused = dict.fromkeys(pids, "py-spy is not installed")
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        for name, pid in pids.items():
            self._running[name] = await asyncio.create_subprocess_exec(
                *(program, "record", "--pid", str(pid), "--rate", str(RATE_HZ)),
                *("--format", "raw", "--function", "--gil", "--output", str(self._folded(name))),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )

    async def stop(self) -> dict[str, list[str]]:
        """Detach; return the most expensive functions by process, a line each."""
        hot: dict[str, list[str]] = {}
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
        for name, process in self._running.items():
            said = await _finish(process)
            folded = self._folded(name)
            if process.returncode != 0 or not folded.exists():
                self.refused[name] = said.strip().splitlines()[-1] if said.strip() else "no output"
                continue
            hot[name] = top_functions(folded.read_text(encoding="utf-8", errors="replace"))
            (self._directory / f"{name}.top.txt").write_text(
                "\n".join(hot[name]) + "\n", encoding="utf-8"
            )
        self._running.clear()
        return hot

    def _folded(self, name: str) -> Path:
        return self._directory / f"{name}.folded"


def find_py_spy() -> str | None:
    """Return the py-spy beside this interpreter, or the one on the path."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


async def _finish(process: Process) -> str:
    try:
        async with asyncio.timeout(STOP_S_MAX):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        _, said = await process.communicate()
    return said.decode(errors="replace")


def top_functions(folded: str, top: int = TOP) -> list[str]:
    """Return the functions with most time of their own: ``12.3 % self, 40.1 % with callees: f``.

    ``folded`` has a stack a line, frames from the outermost, then a blank and the samples.
    """
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame for frame in stack.split(";") if not frame.startswith("process ")]
        if not frames or not count.isdigit():
            continue
        own[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    total = sum(own.values())
    return [
        f"{100 * samples / total:.1f} % self, {100 * within[frame] / total:.1f} %"
        f" with callees: {frame}"
        for frame, samples in own.most_common(top)
    ]
