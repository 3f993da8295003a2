"""A matrix: every cell once a round, in an order shuffled by the seed, a fresh cluster each."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from bench.comparisons import compare, summarize, values_of
from bench.environment import describe_environment
from bench.matrix_results import MATRIX_FILE, METRICS, Cell, MatrixResults, Round
from bench.measuring import Listener, Measuring, RunFailedError
from bench.results import (
    SCHEMA_VERSION,
    Config,
    Environment,
    Results,
    Status,
    Verdict,
    write_json,
)
from storage.clock import Clock

SETTLE_RUNS: Final = 2
"""The time that is left is told once so many runs have been timed."""


class Turn(NamedTuple):
    """One run of a matrix."""

    round: int
    config: Config
    place: str = ""
    """Where it goes; empty: by cell and round."""

    @property
    def directory(self) -> str:
        """Return where it goes, relative to the matrix."""
        return self.place or f"{self.config.cell}/round-{self.round}"


def order(configs: Sequence[Config], rounds: int, seed: int) -> list[Turn]:
    """Return all turns: round by round, each round's cells in an order of their own.

    A cell's seed differs from round to round and is the same for all cells of a round, so that
    they meet the same chance.
    """
    chance = random.Random(seed)
    turns = []
    for number in range(1, rounds + 1):
        shuffled = list(configs)
        chance.shuffle(shuffled)
        turns += [Turn(number, replace(c, seed=seed + number)) for c in shuffled]
    return turns


class Narration(Protocol):
    """Who is told how a matrix goes on."""

    def turn(self, turn: Turn, number: int, total: int, left_s: float | None) -> None:
        """Take note that a run begins; ``left_s`` is an estimate for all that remains."""
        ...

    def hear(self, said: dict[str, object]) -> None:
        """Take a line of the measuring process."""
        ...

    def done(self, run: Round) -> None:
        """Take note of what came of a run."""
        ...


def none_kept(_turn: Turn) -> Results | None:
    """Keep nothing of an earlier time."""
    return None


@dataclass(slots=True)
class Matrix:
    """Plays a matrix and keeps ``matrix.json`` up to date after every run."""

    configs: Sequence[Config]
    rounds: int
    seed: int
    directory: Path
    clock: Clock
    environment: Environment = field(default_factory=describe_environment)
    planned: Sequence[Turn] = ()
    """The turns to play; none: all cells in all rounds, shuffled."""
    kept: Callable[[Turn], Results | None] = none_kept
    """Returns the results that a turn has already, and that stand."""
    command: str = ""
    """The command line that asked for it, where ``matrix`` is not the command."""
    _done: dict[str, list[Round]] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)
    _durations_s: list[float] = field(default_factory=list)
    _started: str = ""
    _begin_ns: int = 0

    async def play(self, measuring: Measuring, narrate: Narration) -> MatrixResults:
        """Play all turns, or those until an interrupt; return what is there then."""
        self._started = self.clock.now().isoformat(timespec="seconds")
        self._begin_ns = self.clock.stamp_ns()
        turns = self.planned or order(self.configs, self.rounds, self.seed)
        for number, turn in enumerate(turns, 1):
            kept = self.kept(turn)
            narrate.turn(turn, number, len(turns), self._left_s(len(turns) - number + 1))
            begin_ns = self.clock.stamp_ns()
            if kept is not None:
                run = Round(turn.round, turn.directory, kept.verdict, values_of(kept))
            else:
                run = await self._play(turn, measuring, narrate.hear)
                self._durations_s.append((self.clock.stamp_ns() - begin_ns) / 1e9)
            self._done.setdefault(turn.config.cell, []).append(run)
            self._order.append(turn.directory)
            narrate.done(run)
            write_json(self.directory / MATRIX_FILE, self.results(complete=number == len(turns)))
            if measuring.interrupted:
                break
        results = self.results(complete=len(self._order) == len(turns))
        write_json(self.directory / MATRIX_FILE, results)
        return results

    def results(self, *, complete: bool) -> MatrixResults:
        """Return what has been measured so far."""
        cells = []
        for config in self.configs:
            rounds = sorted(self._done.get(config.cell, []), key=lambda run: run.round)
            cells.append(
                Cell(
                    name=config.cell,
                    codec=config.codec,
                    storage_codec=config.storage_codec or config.codec,
                    store=config.store,
                    rounds=rounds,
                    summary=summarize(rounds),
                    settings={n: v for n, v in config.settings.items() if n != "codec" and v},
                )
            )
        return MatrixResults(
            schema_version=SCHEMA_VERSION,
            matrix_id=f"{self._started}-{self.seed}",
            started=self._started,
            duration_s=(self.clock.stamp_ns() - self._begin_ns) / 1e9,
            complete=complete,
            environment=self.environment,
            config=self.configs[0],
            order=list(self._order),
            metrics=dict(METRICS),
            cells=cells,
            comparisons=list(compare(cells)),
            command=self.command,
        )

    async def _play(self, turn: Turn, measuring: Measuring, listener: Listener) -> Round:
        directory = self.directory / turn.directory
        try:
            results = await measuring.run(turn.config, directory, listener)
        except RunFailedError as error:
            verdict = Verdict(Status.VOID, [f"no results: {error}"])
            return Round(turn.round, turn.directory, verdict, {})
        return Round(turn.round, turn.directory, results.verdict, values_of(results))

    def _left_s(self, runs: int) -> float | None:
        if len(self._durations_s) < SETTLE_RUNS:
            return None
        return runs * sum(self._durations_s) / len(self._durations_s)
