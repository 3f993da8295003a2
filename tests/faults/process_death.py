"""Process death: SIGKILL at random points under load, again and again over one directory."""

from __future__ import annotations

from pathlib import Path
from random import Random

from storage.clock import SystemClock
from tests.faults.load import STORIES
from tests.faults.oracle import Oracle
from tests.faults.outcome import Outcome
from tests.faults.processes import LoadProcess, ServedProcess
from tests.faults.records import Died, Ended, Entry
from tests.faults.rules import Violation
from tests.faults.subjects import Subject, ending_of

AWAY_S = 0.2
FORGOTTEN = "HistoryLostError"
"""What ends a watch where a store has gone back, or is another one."""


def why_not(subject: Subject) -> str:
    """Say why it is not played to a subject; empty where it is."""
    return "" if subject.durable or subject.api else "it promises nothing beyond its process"


def play(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    """Kill the process that holds the data, ``rounds`` times."""
    entries: list[Entry] = []
    if not subject.durable:
        return _forgetting(subject, chance, folder, rounds, entries)
    if subject.api:
        return _served(subject, chance, folder, rounds, entries)
    with LoadProcess(subject.engine, folder, entries) as load:
        for _ in range(rounds):
            load.start(f"{chance.random()}")
            if chance.random() < 0.2:
                load.wait(chance.uniform(0.0, 0.4))  # within its opening, mostly
            else:
                load.wait_open()
                load.wait_acknowledged(chance.randint(1, 600))
                load.wait(chance.uniform(0.0, 0.005))
            load.kill()
        load.start(f"{chance.random()}")
        load.wait_open()
        load.wait_acknowledged(50)
        load.finish()
    oracle = Oracle(ends=subject.ends)
    found = oracle.judge(entries, ending_of(subject.engine, folder / "data"))
    return Outcome.of(oracle, rounds, found)


def _served(
    subject: Subject, chance: Random, folder: Path, rounds: int, entries: list[Entry]
) -> Outcome:
    with (
        ServedProcess(folder, subject.engine, subject.api) as served,
        LoadProcess(served.url, folder, entries) as load,
    ):
        served.start()
        load.start(f"{chance.random()}")
        load.wait_open()
        for _ in range(rounds):
            load.wait_acknowledged(chance.randint(1, 300))
            load.wait(chance.uniform(0.0, 0.005))
            served.kill()
            entries.append(Died(SystemClock().stamp_ns()))
            load.wait(chance.uniform(0.0, AWAY_S))
            served.start()
        load.wait_acknowledged(50)
        load.finish()
        ending = ending_of(served.url)
    oracle = Oracle(ends=subject.ends)
    return Outcome.of(oracle, rounds, oracle.judge(entries, ending))


def _forgetting(
    subject: Subject, chance: Random, folder: Path, rounds: int, entries: list[Entry]
) -> Outcome:
    """Kill what promises nothing beyond its process: watches are told so, and begin anew."""
    total = Outcome(rounds)
    with (
        ServedProcess(folder, subject.engine, subject.api) as served,
        LoadProcess(served.url, folder, entries) as load,
    ):
        served.start()
        load.start(f"{chance.random()}")
        load.wait_open()
        for _ in range(rounds):
            load.wait_acknowledged(chance.randint(20, 300))
            mark = len(entries)
            served.kill()
            served.start()
            load.wait_ended(STORIES)
            load.wait_acknowledged(20)
            for each in entries[mark:]:
                if isinstance(each, Ended) and each.why != FORGOTTEN:
                    total.violations.append(Violation("stuck", f"{each} of a store that is new"))
        total.acknowledged = load.acknowledged
    return total
