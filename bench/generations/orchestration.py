"""Playing rounds: every station with every subject once a round, in an order of the seed's."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from bench.child import Child, ChildError
from bench.environment import describe_environment
from bench.generations.plane import (
    AS_IN_1_2,
    PLANES,
    PlaneFailedError,
    config_of,
    run_plane,
)
from bench.generations.results import GENERATIONS_FILE, SCHEMA_VERSION, Generations, Reading
from bench.generations.settings import Found, Sizes, Task
from bench.generations.stations.registry import STATIONS
from bench.generations.subjects import FAMILIES, SUBJECTS
from bench.generations.summary import details_of, lines_of
from bench.generations.worker import FOUND_FILE
from bench.measuring import Measuring
from bench.results import Environment, read_json, write_json
from storage.clock import Clock

WORKER: Final = "bench.generations.worker"
PLANE_ROW: Final = "g"
LOOK_S: Final = 0.1


class Step(NamedTuple):
    """One station with one subject in one round."""

    round: int
    station: str
    subject: str
    rows: str


def steps_of(rows: str, subjects: Sequence[str], rounds: int, seed: int) -> list[Step]:
    """Return all steps: round by round, each round's in an order of its own.

    What is held against each other comes one right after the other, so that the machine is the
    same for both: a station's two generations of one family, in an order of chance, too.
    """
    chance = random.Random(seed)
    found: list[Step] = []
    for number in range(1, rounds + 1):
        pairs = [pair for family in FAMILIES.values() for pair in _pairs(number, rows, family)]
        pairs = [[step for step in pair if step.subject in subjects] for pair in pairs]
        chance.shuffle(pairs)
        for pair in pairs:
            chance.shuffle(pair)
            found += pair
    return found


def _pairs(number: int, rows: str, family: Sequence[str]) -> Iterator[list[Step]]:
    """Yield what is held against each other in a round."""
    for station, (served, _) in STATIONS.items():
        if wanted := "".join(row for row in served if row in rows):
            yield [Step(number, station, subject, wanted) for subject in family]
    if PLANE_ROW in rows:
        yield [
            Step(number, station, subject, PLANE_ROW)
            for station in PLANES
            for subject in family
            if station != AS_IN_1_2 or SUBJECTS[subject].generation == 2
        ]


Tell = Callable[[str], None]
"""Takes a line for people."""


@dataclass(slots=True)
class Rounds:
    """Plays steps and keeps ``generations.json`` up to date after each."""

    directory: Path
    clock: Clock
    rows: str
    rounds: int
    seed: int
    sizes: Sizes
    subjects: Sequence[str]
    command: str
    etcd_version: str
    quick: bool = False
    station_s_max: float = 300.0
    skipped: list[str] = field(default_factory=list)
    environment: Environment = field(default_factory=describe_environment)
    readings: list[Reading] = field(default_factory=list)
    """Those that an earlier time has left count as played."""

    async def play(self, measuring: Measuring, tell: Tell) -> Generations:
        """Play what is not there yet, or until an interrupt; return everything."""
        started = self.clock.now().isoformat(timespec="seconds")
        begin_ns = self.clock.stamp_ns()
        kept = {(r.round, r.station, r.subject, r.rows) for r in self.readings if not r.failed}
        self.readings = [r for r in self.readings if not r.failed]
        steps = steps_of(self.rows, self.subjects, self.rounds, self.seed)
        for number, step in enumerate(steps, 1):
            if measuring.interrupted:
                break
            what = f"[{number}/{len(steps)}] round {step.round} {step.station} {step.subject}"
            if (step.round, step.station, step.subject, step.rows) in kept:
                tell(f"{what}: kept")
                continue
            reading = await self._read(step, measuring)
            self.readings.append(reading)
            tell(f"{what}: {reading.failed or f'{reading.took_s:.1f} s'}")
            took_s = (self.clock.stamp_ns() - begin_ns) / 1e9
            write_json(self.directory / GENERATIONS_FILE, self.results(started, took_s))
        took_s = (self.clock.stamp_ns() - begin_ns) / 1e9
        played = {(r.round, r.station, r.subject, r.rows) for r in self.readings}
        results = self.results(started, took_s, complete=played.issuperset(steps))
        write_json(self.directory / GENERATIONS_FILE, results)
        return results

    def results(self, started: str, duration_s: float, *, complete: bool = False) -> Generations:
        """Return what has been measured so far, also of rows that are not played this time."""
        rows = "".join(sorted({*self.rows, *(r for each in self.readings for r in each.rows)}))
        return Generations(
            schema_version=SCHEMA_VERSION,
            run_id=f"{started}-{self.seed}",
            started=started,
            duration_s=duration_s,
            environment=self.environment,
            command=self.command,
            etcd_version=self.etcd_version,
            rows=rows,
            rounds=max([self.rounds, *(reading.round for reading in self.readings)]),
            seed=self.seed,
            sizes=self.sizes,
            quick=self.quick,
            readings=list(self.readings),
            complete=complete,
            lines=lines_of(self.readings, rows),
            details=details_of(self.readings),
            skipped=list(self.skipped),
        )

    async def _read(self, step: Step, measuring: Measuring) -> Reading:
        try:
            if step.station in PLANES:
                found = await self._plane(step, measuring)
            else:
                found = await self._station(step, measuring)
        except (ChildError, PlaneFailedError) as error:
            why = " ".join(str(error).split())
            return Reading(step.station, step.subject, step.round, step.rows, failed=why)
        return Reading(
            step.station,
            step.subject,
            step.round,
            step.rows,
            values=found.values,
            notes=found.notes,
            client_cores=found.client_cpu_s / found.took_s if found.took_s else 0.0,
            others_cores=found.others_cores,
            took_s=found.took_s,
        )

    async def _plane(self, step: Step, measuring: Measuring) -> Found:
        config = config_of(step.station, step.subject, self.sizes, self.seed + step.round)
        place = self.directory / "planes" / config.cell / f"round-{step.round}"
        return await run_plane(step.station, config, place, measuring, lambda _said: None)

    async def _station(self, step: Step, measuring: Measuring) -> Found:
        """Have a process of its own do a station. Raises ChildError."""
        with tempfile.TemporaryDirectory(prefix="kubedyno-generations-") as scratch:
            directory = Path(scratch)
            task = Task(
                station=step.station,
                subject=step.subject,
                rows=step.rows,
                round=step.round,
                seed=self.seed + step.round,
                sizes=self.sizes,
                directory=scratch,
            )
            file = write_json(directory / "task.json", task)
            command = [sys.executable, "-m", WORKER, str(file)]
            child = Child(step.station, command, directory / "worker.log", ours=False)
            try:
                await child.start()
                await self._end_of(child, measuring)
            finally:
                await child.stop()
            if child.exit_code:
                lines = child.tail().splitlines()
                raise ChildError(lines[-1] if lines else f"exit code {child.exit_code}")
            return read_json(directory / FOUND_FILE, Found)

    async def _end_of(self, child: Child, measuring: Measuring) -> None:
        """Return when a station has ended, or is to be ended: Ctrl-C is not for its process.

        Raises ChildError where it takes too long: a server may have stopped answering.
        """
        until_ns = self.clock.stamp_ns() + int(self.station_s_max * 1e9)
        while child.exit_code is None and not measuring.interrupted:
            if self.clock.stamp_ns() > until_ns:
                raise ChildError(f"no end in {self.station_s_max:g} s")
            await asyncio.sleep(LOOK_S)
