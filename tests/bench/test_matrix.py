from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.commands.matrix import exit_code
from bench.commands.switch_options import over_switches, switch_values
from bench.comparisons import compare, summarize, values_of
from bench.matrix import Matrix, Turn, order
from bench.matrix_results import METRICS, Cell, MatrixResults, Round
from bench.measuring import Listener, Measuring, RunFailedError
from bench.results import Config, Results, Status, Verdict, read_json
from storage.clock import SystemClock
from tests.bench.run_results import ENVIRONMENT, results

CONFIGS = [
    Config(codec=codec, storage_codec=codec, store=store)
    for store in ("etcd3", "memory")
    for codec in ("json", "protobuf")
]


def test_every_cell_is_played_once_a_round_in_an_order_shuffled_by_the_seed() -> None:
    turns = order(CONFIGS, 5, seed=1)

    assert Counter((turn.round, turn.config.cell) for turn in turns).most_common(1)[0][1] == 1
    assert [turn.round for turn in turns] == sorted(turn.round for turn in turns)
    assert turns == order(CONFIGS, 5, seed=1)
    assert turns != order(CONFIGS, 5, seed=2)
    assert len({tuple(t.config.cell for t in turns if t.round == n) for n in range(1, 6)}) > 1


def test_cells_of_a_round_share_their_seed_and_rounds_do_not() -> None:
    turns = order(CONFIGS, 3, seed=10)

    assert {(turn.round, turn.config.seed) for turn in turns} == {(1, 11), (2, 12), (3, 13)}


def test_values_of_a_run_are_known_metrics_and_of_a_void_run_none() -> None:
    run = results()

    assert values_of(run)["pods_per_s"] == pytest.approx(1.5)
    assert set(values_of(run)) <= set(METRICS)
    assert values_of(replace(run, verdict=Verdict(Status.VOID, ["x"]))) == {}


def cell(codec: str, store: str, rates: list[float]) -> Cell:
    rounds = [
        Round(n, f"{codec}-{store}/round-{n}", Verdict(), {"pods_per_s": rate} if rate else {})
        for n, rate in enumerate(rates, 1)
    ]
    return Cell(f"{codec}-{store}", codec, codec, store, rounds, summarize(rounds))


def test_comparisons_go_along_each_axis_against_its_baseline() -> None:
    cells = [
        cell(codec, store, [1.0, 2.0]) for store in ("etcd3", "memory") for codec in CODECS_OF_TEST
    ]

    found = {(c.axis, c.numerator, c.denominator) for c in compare(cells)}

    assert found == {
        ("codec", "json-etcd3", "protobuf-etcd3"),
        ("codec", "json-memory", "protobuf-memory"),
        ("store", "json-etcd3", "json-memory"),
        ("store", "protobuf-etcd3", "protobuf-memory"),
    }


def test_cells_that_differ_in_one_switch_are_held_against_the_usual_value() -> None:
    cells = [
        replace(cell("json", store, [1.0, 2.0]), name=f"{store}-{writes}-{events}", settings=chosen)
        for store in ("etcd3", "memory")
        for writes in ("put", "patch")
        for events in ("on", "off")
        for chosen in [{"kubelet_writes": writes, "events": events}]
    ]

    found = {(c.axis, c.numerator, c.denominator) for c in compare(cells)}

    assert len(found) == 4 + 4 + 4
    assert ("kubelet_writes", "etcd3-patch-off", "etcd3-put-off") in found
    assert ("events", "memory-patch-off", "memory-patch-on") in found
    assert ("store", "etcd3-put-on", "memory-put-on") in found


def test_a_matrix_has_a_cell_for_every_combination_of_switches() -> None:
    axes = dict(map(switch_values, ["kubelet-writes=put,patch", "watch-write=asgi,transport"]))

    configs = over_switches(Config(codec="json"), axes)

    assert [config.cell for config in configs] == [
        "json-etcd3-watch-asgi",
        "json-etcd3",
        "json-etcd3-watch-asgi-kubelet-writes-patch",
        "json-etcd3-kubelet-writes-patch",
    ]


CODECS_OF_TEST = ("json", "protobuf")


def test_comparison_is_paired_by_round_and_skips_rounds_that_one_cell_lacks() -> None:
    cells = [
        cell("json", "memory", [10.0, 0.0, 40.0]),
        cell("protobuf", "memory", [20.0, 7.0, 80.0]),
    ]

    (comparison,) = compare(cells)

    assert comparison.rounds == 2
    assert comparison.ratio == pytest.approx(0.5)
    assert not comparison.decided
    assert "undecided: 2 rounds, about 5 needed" in comparison.text


def test_comparison_of_five_like_rounds_is_decided() -> None:
    cells = [
        cell("json", "memory", [10.0, 11.0, 9.0, 10.0, 10.5]),
        cell("protobuf", "memory", [20.0, 21.0, 19.0, 20.0, 21.5]),
    ]

    (comparison,) = compare(cells)

    assert comparison.decided
    assert "undecided" not in comparison.text


def test_without_the_usual_baseline_the_first_cell_is_it() -> None:
    cells = [cell("json", "etcd3", [1.0]), cell("orjson", "etcd3", [2.0])]

    (comparison,) = compare(cells)

    assert (comparison.numerator, comparison.denominator) == ("orjson-etcd3", "json-etcd3")


class FakeMeasuring(Measuring):
    """Plays runs at once; fails and interrupts when told to."""

    def __init__(self, *, failing: str = "", interrupt_after: int = 1000) -> None:
        super().__init__()
        self.failing = failing
        self.interrupt_after = interrupt_after
        self.played: list[str] = []

    async def run(self, config: Config, directory: Path, listener: Listener) -> Results:
        self.played.append(config.cell)
        self.interrupted = len(self.played) >= self.interrupt_after
        listener({"phase": "fill", "done": 1, "total": 2})
        if config.cell == self.failing:
            raise RunFailedError("nodes ended with exit code 1")
        return results(config)


class Listening:
    """Hears how a matrix goes on."""

    def __init__(self) -> None:
        self.left_s: list[float | None] = []
        self.heard = 0
        self.runs: list[Round] = []

    def turn(self, turn: Turn, number: int, total: int, left_s: float | None) -> None:
        self.left_s.append(left_s)

    def hear(self, said: dict[str, object]) -> None:
        self.heard += 1

    def done(self, run: Round) -> None:
        self.runs.append(run)


def play(tmp_path: Path, measuring: Measuring, narration: Listening) -> MatrixResults:
    matrix = Matrix(CONFIGS, 2, 1, tmp_path, SystemClock(), environment=ENVIRONMENT)
    return asyncio.run(matrix.play(measuring, narration))


def test_matrix_writes_all_cells_and_rounds(tmp_path: Path) -> None:
    narration = Listening()

    played = play(tmp_path, FakeMeasuring(), narration)

    assert played.complete
    assert read_json(tmp_path / "matrix.json", MatrixResults) == played
    assert [len(c.rounds) for c in played.cells] == [2, 2, 2, 2]
    assert len(played.order) == 8
    assert played.cells[0].summary["pods_per_s"].rounds == 2
    assert narration.heard == 8
    assert narration.left_s[:2] == [None, None]
    assert all(left is not None for left in narration.left_s[2:])
    assert exit_code(played) == 0


def test_matrix_goes_on_after_a_run_that_failed_and_is_void(tmp_path: Path) -> None:
    played = play(tmp_path, FakeMeasuring(failing="json-etcd3"), Listening())

    failed = next(c for c in played.cells if c.name == "json-etcd3")
    assert [run.verdict.status for run in failed.rounds] == [Status.VOID, Status.VOID]
    assert "nodes ended" in failed.rounds[0].verdict.reasons[0]
    assert failed.summary == {}
    assert exit_code(played) == 3


def test_matrix_that_is_interrupted_keeps_what_was_measured(tmp_path: Path) -> None:
    measuring = FakeMeasuring(interrupt_after=3)

    played = play(tmp_path, measuring, Listening())

    assert len(measuring.played) == 3
    assert not played.complete
    assert sum(len(c.rounds) for c in played.cells) == 3
    assert read_json(tmp_path / "matrix.json", MatrixResults) == played
    assert exit_code(played) == 3
