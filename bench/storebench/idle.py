"""What a watch costs a server in memory while nothing happens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bench.sampling import read_usage
from bench.storebench.drivers.interface import DriverError, Spot
from bench.storebench.drivers.registry import DRIVERS
from bench.storebench.loading import Begin
from bench.storebench.settings import Outcome, Task
from storage.clock import Clock

BEFOREHAND: Final = 16
"""Watches that stand before memory is read: what the first of them takes is not theirs."""


async def hold_idle(task: Task, clock: Clock, begin: Begin) -> Outcome:
    """Open watches where nothing happens, and hold them until a word comes.

    What this process itself needed for them is told, for a store that is in it. Raises DriverError.
    """
    spot = Spot(task.store, Path(task.directory) / "data", task.connections)
    async with DRIVERS[task.driver].make(spot) as driver:
        prefix = task.prefix.encode()
        await driver.idle(prefix + b"beforehand/", BEFOREHAND, 1)
        await begin()
        before_mib, from_ns = anon_mib(os.getpid()), clock.stamp_ns()
        await driver.idle(prefix, task.idle_watches, task.streams)
        took_s, after_mib = (clock.stamp_ns() - from_ns) / 1e9, anon_mib(os.getpid())
        await begin()
    return Outcome(
        operations=task.idle_watches,
        window_s=took_s,
        cpu_s=0.0,
        histogram="",
        failures={},
        told={"anon_before_mib": before_mib, "anon_after_mib": after_mib},
    )


def anon_mib(pid: int) -> float:
    """Return a process's anonymous memory. Raises DriverError where it is gone."""
    usage = read_usage(pid)
    if usage is None:
        raise DriverError(f"process {pid} is gone")
    return usage.anon_mib
