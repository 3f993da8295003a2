"""Slow disk: every sync of the process that holds the data takes 5 to 500 ms (strace delays it)."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

from storage.clock import SystemClock
from tests.faults import pace, wall_clock
from tests.faults.oracle import Oracle
from tests.faults.outcome import Outcome
from tests.faults.plain_http import ask
from tests.faults.processes import LoadProcess, ServedProcess
from tests.faults.records import PREFIX, Asked, Entry, Read
from tests.faults.subjects import Subject, ending_of
from tests.faults.wall_clock import Step
from tests.storage.durability import strace

SYNCS: Final = "fsync,fdatasync,msync,sync_file_range"
DELAYS_MS: Final = (100, 500, 20, 50, 5, 200)
JUDGED_FROM_MS: Final = 100
"""Below, a busy machine's own delays are no smaller."""

PAUSE_S: Final = 0.02
PLAYED_S: Final = 2.0
PLAYED_SHORT_S: Final = 0.6
"""The same where only one round is played."""

GRACE_S: Final = 15.0
"""How long a key may outlive its time: deletions take syncs, and a served lease is shared by keys
whose times are near each other."""


def why_not(subject: Subject) -> str:
    """Say why it is not played to a subject; empty where it is."""
    return strace.missing() if subject.durable else "it writes nothing to a disk"


def play(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    """Play each round with another delay, on data of its own."""
    total = Outcome()
    for number in range(rounds):
        below = folder / f"{number}"
        below.mkdir()
        delay_ms = DELAYS_MS[number % len(DELAYS_MS)]
        played_s = (PLAYED_S if rounds > 1 else PLAYED_SHORT_S) + delay_ms / 400
        total.add(_round(subject, chance, below, delay_ms, played_s=played_s))
    return total


def _round(
    subject: Subject, chance: Random, folder: Path, delay_ms: int, *, played_s: float
) -> Outcome:
    entries: list[Entry] = []
    inject = f"inject={SYNCS}:delay_exit={delay_ms * 1000}"
    trace = folder / "syncs"
    slowly = ["strace", "-f", "-ttt", "-o", str(trace), "-e", f"trace={SYNCS}", "-e", inject]
    served = ServedProcess(folder, subject.engine, subject.api)
    with (
        served,
        LoadProcess(served.url if subject.api else subject.engine, folder, entries) as load,
    ):
        if subject.api:
            served.start(prefix=slowly)
        load.start(f"{chance.random()}", prefix=[] if subject.api else slowly, timed=True)
        load.wait_open()
        load.wait_acknowledged(1)
        if subject.api == 2:
            reads = _read_plainly(served.target, load, played_s)
        else:
            load.wait(played_s)
            reads = entries
        load.finish()
        ending = ending_of(served.url) if subject.api else None
    sync_ns = delay_ms * 10**6
    oracle = Oracle(ends=subject.ends, sync_ns=sync_ns)
    found = oracle.judge(entries, ending or ending_of(subject.engine, folder / "data"))
    now_s = entries[-1].at_ns / 1e9
    lives = wall_clock.lives_in(entries)
    found += wall_clock.judge(lives, [Step(0.0, 0.0)], now_s=now_s, grace_s=GRACE_S)
    if delay_ms >= JUDGED_FROM_MS:
        found += pace.stalls(reads, sync_ns) + pace.groups(entries, _begun(trace))
    return Outcome.of(oracle, 1, found)


def _begun(trace: Path) -> list[int]:
    """Return when syncs began, by the clock of the entries; strace goes by the wall clock."""
    clock = SystemClock()
    ahead_ns = int(clock.now().timestamp() * 1e9) - clock.stamp_ns()
    found = []
    for line in trace.read_text().splitlines():
        _pid, at, call = line.split(maxsplit=2)
        if call.partition("(")[0] in SYNCS.split(","):
            found.append(int(float(at) * 1e9) - ahead_ns)
    return sorted(found)


def _read_plainly(target: str, load: LoadProcess, seconds: float) -> list[Entry]:
    """Read as etcd 2 does unless asked otherwise, beside the load; return the reads.

    The load's own reads are quorum reads, which take their place in the log, and so its syncs.
    """
    clock, reads = SystemClock(), list[Entry]()
    end_ns = clock.stamp_ns() + int(seconds * 1e9)
    while (now_ns := clock.stamp_ns()) < end_ns:
        reads.append(Asked(now_ns, len(reads), PREFIX))
        ask(target, "GET", f"/v2/keys{PREFIX.decode()}?recursive=true")
        reads.append(Read(clock.stamp_ns(), len(reads) - 1, None, 0))
        load.wait(PAUSE_S)
    return reads
