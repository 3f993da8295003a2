"""What all processes of the machine together have used, read from /proc/stat."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from bench.sampling import PROC, TICKS_PER_S, read_usage

FIELDS: Final = 8
"""user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in these."""


class MachineTimes(NamedTuple):
    """Cumulative seconds, over all cores."""

    busy_s: float
    idle_s: float
    """Waiting for disks included."""
    stolen_s: float
    command_s: float
    """Of ``busy_s``: the CPU of the command that started this process and draws its progress."""


def read_machine(proc: Path = PROC, command: int | None = None) -> MachineTimes | None:
    """Return the machine's times since its start; None where it does not tell.

    ``command``: the process id of the command; None: this process's parent.
    """
    try:
        first = (proc / "stat").read_text(encoding="ascii").partition("\n")[0].split()
    except OSError:
        return None
    if first[:1] != ["cpu"] or len(first) <= FIELDS:
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = (
        int(ticks) / TICKS_PER_S for ticks in first[1 : FIELDS + 1]
    )
    own = read_usage(os.getppid() if command is None else command, proc)
    return MachineTimes(
        busy_s=user + nice + system + irq + softirq,
        idle_s=idle + iowait,
        stolen_s=steal,
        command_s=own.cpu_s if own else 0.0,
    )
