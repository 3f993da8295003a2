"""The full-size series: its cells, what it keeps of an earlier time, and a small one played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.interface import OK, USAGE
from bench.full import CELLS, Keeper, turns
from bench.matrix import Turn
from bench.matrix_results import MatrixResults
from bench.results import Config, Results, Status, Verdict, read_json
from tests.bench.busy_machine import own_reasons
from tests.bench.run_results import results

FULL = [
    Config(nodes=2000, pods=60_000, codec=codec, store=store, steady_s=300.0, compact_every_s=135.0)
    for codec, store in CELLS
]


def test_first_cell_is_steady_for_long_and_named_as_usual_the_others_for_a_minute() -> None:
    planned = turns(FULL, 60.0)

    assert [(t.directory, t.config.steady_s, t.config.compact_every_s) for t in planned] == [
        ("protobuf-etcd3", 300.0, 135.0),
        ("json-etcd3", 60.0, 27.0),
        ("orjson-etcd3", 60.0, 27.0),
        ("protobuf-memory", 60.0, 27.0),
    ]
    assert planned[0].config.cell == "protobuf-etcd3"
    assert planned[1].config.cell == "json-etcd3-steady-60s"


def test_a_compaction_interval_that_was_asked_for_is_every_cells() -> None:
    planned = turns([replace(config, compact_every_s=20.0) for config in FULL], 60.0)

    assert {turn.config.compact_every_s for turn in planned} == {20.0}


def interrupted(found: Results) -> Results:
    verdict = Verdict(Status.VOID, ["interrupted: the numbers cover a part"], ["broken-off"])
    return replace(found, verdict=verdict)


def of_revision(found: Results) -> Results:
    return replace(found, environment=replace(found.environment, git_revision="older"))


def of_another_load(found: Results) -> Results:
    return replace(found, config=replace(found.config, pods=7))


FATES: list[tuple[Callable[[Results], Results], dict[str, bool], str]] = [
    (replace, {}, "kept"),
    (interrupted, {}, "interrupted"),
    (lambda found: replace(found, verdict=Verdict(Status.VOID, ["x"], ["x"])), {}, "void"),
    (lambda found: replace(found, verdict=Verdict(Status.DEGRADED, ["x"], ["x"])), {}, "kept"),
    (of_another_load, {}, "another load"),
    (of_revision, {}, "another revision, older"),
    (of_revision, {"any_revision": True}, "kept, measured by revision older"),
    (replace, {"again": True}, "asked for"),
]


@pytest.mark.parametrize(("change", "options", "words"), FATES)
def test_results_are_kept_only_where_they_are_whole_and_of_this_load_and_code(
    tmp_path: Path, change: Callable[[Results], Results], options: dict[str, bool], words: str
) -> None:
    found = results()
    turn = Turn(1, found.config, place="cell")
    (tmp_path / "cell").mkdir()
    change(found).write(tmp_path / "cell")

    keeper = Keeper(tmp_path, found.environment.git_revision, **options)

    assert (keeper.kept(turn) is not None) == words.startswith("kept")
    assert words in keeper.said["cell"]


def test_nothing_is_said_where_there_was_nothing(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, "now")

    assert keeper.kept(Turn(1, Config(), place="cell")) is None
    assert keeper.said == {}


@pytest.mark.parametrize("cells", ["", "protobuf", "protobuf-nothing", "soap-etcd3"])
def test_cells_that_there_are_not_are_a_misuse(cells: str) -> None:
    assert main(["full", "--cells", cells]) == USAGE


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_full_in_small_is_measured_once_and_kept_the_second_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = ["--nodes", "3", "--pods", "30", "--steady", "2", "--short-steady", "1"]
    rest = ["--heartbeat", "1", "--cells", "protobuf-memory", "--out", str(tmp_path / "full")]

    main(["full", *load, *rest])
    measured = Results.read(tmp_path / "full" / "protobuf-memory")
    assert own_reasons(measured.verdict) == []
    # A void cell would be measured again: what a busy machine said of it is taken back.
    measured = replace(measured, verdict=Verdict(Status.VALID))
    measured.write(tmp_path / "full" / "protobuf-memory")
    second = main(["full", *load, *rest])

    assert second == OK
    assert Results.read(tmp_path / "full" / "protobuf-memory") == measured
    assert "kept, measured by revision" in capsys.readouterr().err
    played = read_json(tmp_path / "full" / "matrix.json", MatrixResults)
    assert [run.directory for cell in played.cells for run in cell.rounds] == ["protobuf-memory"]
    assert played.complete
    assert (tmp_path / "full" / "report.html").exists()
    assert (tmp_path / "full" / "protobuf-memory" / "report.html").exists()
