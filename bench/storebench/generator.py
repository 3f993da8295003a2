"""A loading process: ``python -m bench.storebench.generator TASK.json``.

It prepares its keys, says that it is ready, waits for the word when to begin, does its share of a
cell and writes ``outcome.json``. An engine that is loaded in process is opened here.
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from pathlib import Path
from typing import Final

import uvloop

from bench.apibench.generator import raise_file_limit
from bench.apibench.orphans import end_with_parent
from bench.results import read_json, write_json
from bench.storebench.drivers.interface import DriverError
from bench.storebench.idle import hold_idle
from bench.storebench.loading import perform
from bench.storebench.settings import OUTCOME_FILE, Go, Outcome, Task, word_file
from storage.clock import Clock, SystemClock

GO_POLL_S: Final = 0.002
GO_S_MAX: Final = 120.0
YOUNG_ONLY: Final = (100_000, 1_000_000, 1_000_000)
"""A collection of everything would look like the store's latency."""


class Words:
    """Waits for the words of the process that started this one: a file each, one after another."""

    def __init__(self, task: Task, clock: Clock) -> None:
        self._task = task
        self._clock = clock
        self._heard = 0

    async def next(self) -> int:
        """Say that this process is ready; return when to go on, then. Raises TimeoutError."""
        sys.stdout.write(json.dumps({"ready": True}) + "\n")
        sys.stdout.flush()
        file = word_file(self._task.go_file, self._heard)
        self._heard += 1
        async with asyncio.timeout(GO_S_MAX):
            while (begin_ns := _word(file)) is None:  # noqa: ASYNC110  another process writes it
                await asyncio.sleep(GO_POLL_S)
        await asyncio.sleep(max(begin_ns - self._clock.stamp_ns(), 0) / 1e9)
        return begin_ns


def _word(file: Path) -> int | None:
    return read_json(file, Go).begin_ns if file.exists() else None


async def _process(task: Task, clock: Clock) -> Outcome:
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None
    loop.add_signal_handler(signal.SIGTERM, this.cancel)
    end_with_parent(loop)
    words = Words(task, clock)
    if task.idle_watches:
        return await hold_idle(task, clock, words.next)
    return await perform(task, clock, words.next)


def main(task_file: Path) -> int:
    """Do the share; return the exit code (1: the store refused it, or is not there)."""
    raise_file_limit()
    task = read_json(task_file, Task)
    gc.freeze()
    gc.set_threshold(*YOUNG_ONLY)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(_process(task, SystemClock()))
    except asyncio.CancelledError:
        sys.stderr.write("stopped\n")
        return 1
    except TimeoutError:
        sys.stderr.write("the store has stopped answering\n")
        return 1
    except (DriverError, ExceptionGroup) as error:
        cause = alone(error)
        if not isinstance(cause, DriverError):
            raise
        sys.stderr.write(f"{cause}\n")
        return 1
    write_json(Path(task.directory) / OUTCOME_FILE, outcome)
    return 0


def alone(error: BaseException) -> BaseException:
    """Return the first of what groups hold: task groups wrap what their body raises."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
