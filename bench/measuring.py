"""Starting the measuring process of a run, and hearing from it.

It is a process of its own, fresh for each run: nothing that this one does (drawing progress,
keeping earlier results) is in its measurements. A Ctrl-C is passed on to it once, so that it ends
in order and writes what it has; a second one kills it (the plane then ends by itself).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.results import RESULTS_FILE, Config, Results, write_json

CONFIG_FILE: Final = "config.json"
PARTS: Final = (
    "audit",
    "data",
    "figures",
    "history",
    "logs",
    "profiles",
    "recording",
    "samples",
    "stamps",
    "stats",
)
LINE_BYTES_MAX: Final = 1024 * 1024

Listener = Callable[[dict[str, object]], None]
"""Told every line that the measuring process says."""


class RunFailedError(Exception):
    """There are no results; the message says why, with the end of a log where there is one."""


class Measuring:
    """Runs measuring processes, one after the other; ``interrupted`` once Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.interrupted = False
        self._process: Process | None = None
        self._heard = False
        """The process has said something: it can be interrupted in order."""

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Handle Ctrl-C and SIGTERM while it is entered, on the running loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def run(self, config: Config, directory: Path, listener: Listener) -> Results:
        """Run a config into a directory and return its results. Raises RunFailedError."""
        clear(directory)
        source = write_json(directory / CONFIG_FILE, config)
        log = directory / "logs" / "measuring.log"
        log.parent.mkdir(exist_ok=True)
        error = await self._listen(source, directory, log, listener)
        if not (directory / RESULTS_FILE).exists():
            raise RunFailedError(error or f"the measuring process ended without results; see {log}")
        return Results.read(directory)

    async def _listen(self, source: Path, directory: Path, log: Path, listener: Listener) -> str:
        """Start the process and pass on what it says; return its error, if it says one."""
        command = [sys.executable, "-m", "bench.measure"]
        with log.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *command,
                *("--config", str(source), "--out", str(directory)),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=stderr,
                start_new_session=True,
                limit=LINE_BYTES_MAX,
            )
        self._process = process
        error = ""
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                said = json.loads(line)
                if not self._heard and self.interrupted:
                    self._send(signal.SIGINT)
                self._heard = True
                error = said.get("error", error)
                listener(said)
            await process.wait()
        finally:
            self._process, self._heard = None, False
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        return error

    def _interrupt(self) -> None:
        """Pass the first one on, as soon as the process can take it; the second one kills."""
        if self.interrupted:
            self._send(signal.SIGKILL)
        elif self._heard:
            self._send(signal.SIGINT)
        self.interrupted = True

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


def clear(directory: Path) -> None:
    """Make the directory, without what an earlier run left there."""
    directory.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        shutil.rmtree(directory / part, ignore_errors=True)
    for name in (RESULTS_FILE, CONFIG_FILE, "report.html"):
        (directory / name).unlink(missing_ok=True)
