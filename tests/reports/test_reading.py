from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.comparing import Matrix, read_codecs
from reports.errors import ReportError
from reports.model import Run, process_order
from reports.reading import SCHEMA_VERSION, read_json
from tests.reports.sample_results import PODS, config, write_matrix, write_run


def _with(**changes: Any) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "config": config(), **changes}


MALFORMED: list[tuple[str, Any, str]] = [
    ("not JSON", "{", r"truncated"),
    ("not an object", [], r"Expected `object`"),
    ("no version", {"config": config()}, r"missing required field `schema_version`"),
    (
        "a later version",
        _with(schema_version=SCHEMA_VERSION + 1),
        rf"schema_version is {SCHEMA_VERSION + 1}",
    ),
    (
        "an earlier version",
        _with(schema_version=SCHEMA_VERSION - 1),
        rf"schema_version is {SCHEMA_VERSION - 1}",
    ),
    ("no config", {"schema_version": SCHEMA_VERSION}, r"missing required field `config`"),
    (
        "no codec",
        {"schema_version": SCHEMA_VERSION, "config": {}},
        r"field `codec` - at `\$\.config`",
    ),
    ("pods as text", _with(config={**config(), "pods": "many"}), r"at `\$\.config\.pods`"),
    ("fewer than no pods", _with(config={**config(), "pods": -1}), r"config\.pods is below 0"),
    (
        "a rate as text",
        _with(measurements={"throughput": {"pods_per_s": "fast"}}),
        r"at `\$\.measurements\.throughput\.pods_per_s`",
    ),
    ("phases as an object", _with(phases={}), r"Expected `array`, got `object` - at `\$\.phases`"),
]


@pytest.mark.parametrize(
    ("content", "says"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED]
)
def test_malformed_results_give_one_line_that_names_the_key(
    tmp_path: Path, content: Any, says: str
) -> None:
    path = tmp_path / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))

    with pytest.raises(ReportError, match=says) as caught:
        Run.read(tmp_path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.json"
    path.write_bytes(content)

    try:
        found = str(read_json(path, dict[str, float]))
    except ReportError as error:
        found = str(error)

    assert found.startswith("{") or "any.json" in found


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"results\.json: No such file"):
        Run.read(tmp_path)


@pytest.mark.parametrize(
    ("file", "row", "says"),
    [
        ("pods.csv", "added_ms\nsoon\n", r"pods\.csv:2: added_ms is 'soon', not a number"),
        ("processes.csv", "t_ms,process,cpu_s\n1,,2\n", r"processes\.csv:2: t_ms, process and"),
        ("processes.csv", "t_ms,process,cpu_s\n1,a\n", r"processes\.csv:2: t_ms, process and"),
    ],
)
def test_malformed_samples_name_file_and_line(
    tmp_path: Path, file: str, row: str, says: str
) -> None:
    (tmp_path / "results.json").write_text(json.dumps(_with()))
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / file).write_text(row)

    with pytest.raises(ReportError, match=says):
        Run.read(tmp_path)


def test_run_is_read_with_its_samples(tmp_path: Path) -> None:
    written = write_run(tmp_path)

    run = Run.read(tmp_path)

    server = written["measurements"]["processes"]["apiserver"]
    assert len(run.pods) == PODS + 25
    assert {sample.process for sample in run.processes} == set(written["measurements"]["processes"])
    assert run.server_cpu_ms_per_pod == pytest.approx(server["cpu_fill_s"] * 1000 / PODS)


def test_unmeasured_server_cpu_is_none_and_not_zero(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(_with()))

    assert Run.read(tmp_path).server_cpu_ms_per_pod is None


def test_keys_of_a_later_writer_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(_with(novelty={"a": 1})))

    assert Run.read(tmp_path).results.config.codec == "protobuf"


def test_matrix_finds_the_runs_that_are_there(tmp_path: Path) -> None:
    write_matrix(tmp_path, rounds=2)
    (tmp_path / "json-etcd3/round-2/results.json").unlink()

    matrix = Matrix.read(tmp_path)

    assert len(matrix.runs) == 11
    assert [run.directory.name for run in matrix.runs_of(matrix.results.cells[0])] == ["round-1"]
    assert matrix.codecs is None


def test_matrix_without_cells_is_refused(tmp_path: Path) -> None:
    (tmp_path / "matrix.json").write_text(json.dumps(_with(cells=[])))

    with pytest.raises(ReportError, match=r"matrix\.json: cells is empty"):
        Matrix.read(tmp_path)


def test_absent_codec_table_is_none(tmp_path: Path) -> None:
    assert read_codecs(tmp_path) is None


def test_process_order_is_steady() -> None:
    assert process_order({"zeta", "nodes", "apiserver", "alpha"}) == [
        "apiserver",
        "nodes",
        "alpha",
        "zeta",
    ]
