"""What every process of a cluster shares: signals, the ready line, statistics, the collector.

A composition root builds its parts inside ``main(shell)``, calls ``shell.ready(...)`` once they
serve, then awaits ``shell.stopped()``; leaving ``main`` ends the process. Standard output carries
exactly one line, the ready line; everything else goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import random
import resource
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from cluster.processes.collector import Sweeps, survivors_kept
from cluster.processes.vitals import CollectorPauses, LoopLag
from storage.clock import Clock, SystemClock

logger = logging.getLogger(__name__)

STOP_GRACE_S = 20.0
"""How long ``main`` may take to leave after a signal before it is cancelled."""


class StartError(Exception):
    """The process cannot start, for a reason that people can mend; the message is one line."""


@dataclass(frozen=True)
class ShellOptions:
    """What the command line says to every process alike."""

    seed: int = 0
    stats: Path | None = None
    """Where the statistics go at the end and on SIGUSR1."""
    parent: int = 0
    """Stop when this process is gone (0: outlive anybody)."""


def add_shell_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that every process takes; ``shell_options`` reads them back."""
    parser.add_argument("--seed", type=int, default=0, help="source of all chance in this process")
    parser.add_argument(
        "--stats", type=Path, help="write counters, pauses and lag there at the end"
    )
    parser.add_argument(
        "--parent", type=int, default=0, metavar="PID", help="stop when process PID is gone"
    )


def shell_options(arguments: argparse.Namespace) -> ShellOptions:
    """Return the shell's part of a parsed command line."""
    return ShellOptions(seed=arguments.seed, stats=arguments.stats, parent=arguments.parent)


class Shell:
    """The process around a composition root; made by ``run``, used on its loop."""

    def __init__(self, options: ShellOptions, clock: Clock) -> None:
        self.clock = clock
        self.random = random.Random(options.seed)
        self._options = options
        self._stop = asyncio.Event()
        self._counters: dict[str, Callable[[], float]] = {}
        self._groups: list[Callable[[], Mapping[str, float]]] = []
        self._pauses = CollectorPauses(clock)
        self._lag = LoopLag(clock)
        self._kept = ExitStack()

    def counter(self, name: str, read: Callable[[], float]) -> None:
        """Have ``name`` in the statistics; ``read`` is called when they are written."""
        self._counters[name] = read

    def counters(self, read: Callable[[], Mapping[str, float]]) -> None:
        """Have everything in the statistics that ``read`` returns when they are written."""
        self._groups.append(read)

    def fills(self) -> None:
        """Say that from now until ``ready``, or ``filled``, hardly anything but what stays is made.

        The collector is off until then: over the objects of a store that is being read it finds
        nothing, again and again. With 60,000 pods and 360,000 events it took 2.8 of 8.3 s.
        """
        gc.freeze()
        gc.disable()

    def filled(self) -> None:
        """Say that all that was being read is there: the collector runs from now on."""
        gc.freeze()
        gc.enable()

    def ready(self, *, filled: bool = True, **facts: object) -> None:
        """Say on standard output that this process serves, once, with ``facts`` beside (JSON).

        What is on the heap by now stays: it is taken out of the collector's sight, and later so is
        what survives (``collector``). Pauses and lag count from here on. Where more is still being
        read, the collector waits for ``filled``.
        """
        self._kept.enter_context(survivors_kept())
        self._kept.enter_context(Sweeps())
        if filled:
            gc.enable()
        self._pauses.forget()
        self._lag.forget()
        line = {"ready": True, "pid": os.getpid(), **facts}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def stop(self) -> None:
        """Ask the process to end; the same as SIGTERM."""
        self._stop.set()

    async def stopped(self) -> None:
        """Return once the process has been asked to end."""
        await self._stop.wait()

    def statistics(self) -> dict[str, object]:
        """Return counters, the collector's pauses and the loop's lag as they stand."""
        counters = {name: read() for name, read in self._counters.items()}
        for group in self._groups:
            counters.update(group())
        return {
            "counters": dict(sorted(counters.items())),
            "gc": self._pauses.summary(),
            "loop_lag_ms": self._lag.summary(),
            "loop_lag_longest": self._lag.longest(),
        }

    def write_statistics(self) -> None:
        """Write the statistics to the file of ``--stats``, whole or not at all."""
        target = self._options.stats
        if target is None:
            return
        part = target.with_name(target.name + ".part")
        part.write_text(json.dumps(self.statistics()) + "\n", encoding="utf-8")
        part.replace(target)

    async def run(self, main: Callable[[Shell], Coroutine[object, object, None]]) -> None:
        """Run ``main`` with signals wired, the loop's lag sampled, and statistics at the end."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a shell runs inside a task")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGUSR1, self.write_statistics)
        with self._pauses, self._lag:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._watch_parent())
                    overdue = group.create_task(self._cancel_overdue(task))
                    try:
                        await main(self)
                    finally:
                        self.stop()
                        overdue.cancel()
            finally:
                self._kept.close()
                gc.enable()  # it may have ended before it was ready
                self.write_statistics()
                _ignore_signals(loop)

    async def _watch_parent(self) -> None:
        while self._options.parent and not self._stop.is_set():
            if not _is_alive(self._options.parent):
                self.stop()
                return
            try:
                async with asyncio.timeout(1.0):
                    await self._stop.wait()
            except TimeoutError:
                continue

    async def _cancel_overdue(self, task: asyncio.Task[None]) -> None:
        await self._stop.wait()
        await asyncio.sleep(STOP_GRACE_S)
        logger.error("still not ended %g s after the signal: cancelled", STOP_GRACE_S)
        task.cancel()


def run(main: Callable[[Shell], Coroutine[object, object, None]], options: ShellOptions) -> int:
    """Run a composition root on uvloop; return the exit code (0: ended as asked)."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )
    _raise_file_limit()
    clock = SystemClock()

    async def within() -> None:
        await Shell(options, clock).run(main)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(within())
    except (Exception, asyncio.CancelledError) as error:
        cause = _alone(error)
        if isinstance(cause, StartError):
            logger.error("%s", cause)  # noqa: TRY400  where it was raised says nothing to people
        else:
            logger.exception("the process failed")
        return 1
    return 0


def _alone(error: BaseException) -> BaseException:
    """Return what a group of one holds, however deep: task groups wrap what their body raises."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _ignore_signals(loop: asyncio.AbstractEventLoop) -> None:
    """Let a signal that comes while the process ends change nothing.

    When the loop closes, it gives signals their defaults back: one that comes between that and the
    end of the process would kill it, after it has done all that it was asked to.
    """
    asked = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, asked)
    for number in asked:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, asked)


def _raise_file_limit() -> None:
    """Allow as many open files as the hard limit does: 2000 nodes hold two connections each."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
