from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.errors import ReportError
from reports.figures.registry import MATRIX_FIGURES, RUN_FIGURES
from reports.reading import SCHEMA_VERSION
from reports.render import render, render_codecs, render_matrix, render_run
from tests.reports.markup import PageReader
from tests.reports.sample_results import config, write_codecs, write_matrix, write_run

EXTERNAL = re.compile(r"(?:https?:)?//[\w.-]+\.\w+|@import|url\(")
HOSTILE = '<script>alert("1")</script>&"\''


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def _read(report: Path) -> PageReader:
    return PageReader(report.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_run_report_is_whole_needs_nothing_else_and_is_the_same_when_drawn_again(
    tmp_path: Path,
) -> None:
    write_run(tmp_path)

    report = render_run(tmp_path)

    page = _read(report)
    assert report == tmp_path / "report.html"
    assert page.problems == []
    assert EXTERNAL.findall(report.read_text()) == []
    assert page.tags.count("img") == len(RUN_FIGURES)
    assert "VALID The numbers stand." in page.text
    assert "400 pods on 40 hollow nodes: protobuf over etcd3" in page.text
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert drawn == {f"{kind.name}.{end}" for kind in RUN_FIGURES for end in ("png", "svg")}

    first = report.read_bytes()
    assert render(tmp_path).read_bytes() == first
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
def test_matrix_report_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    write_matrix(tmp_path, rounds=2)
    write_codecs(tmp_path)

    report = render_matrix(tmp_path)

    page = _read(report)
    assert page.problems == []
    assert EXTERNAL.findall(report.read_text()) == []
    assert page.tags.count("img") == len(MATRIX_FIGURES) + 1
    assert "undecided: 2 rounds, about 6 needed" in page.text
    assert "json, orjson and protobuf over etcd3 and memory" in page.text
    assert "codecs alone, encode wire, protobuf against json 5-10x 10.0-10.0x" in page.text


@pytest.mark.slow
def test_matrix_report_without_runs_or_codecs_says_so(tmp_path: Path) -> None:
    write_matrix(tmp_path, rounds=1)
    for results in tmp_path.rglob("results.json"):
        results.unlink()

    page = _read(render(tmp_path))

    assert page.problems == []
    assert "not measured: kubedyno micro --suite codecs" in page.text
    assert "1 round, no interval" in page.text
    assert page.tags.count("img") == 2


@pytest.mark.slow
def test_matrix_verdict_tells_which_rounds_are_left_out(tmp_path: Path) -> None:
    write_matrix(tmp_path, rounds=1)

    def spoil(matrix: dict[str, Any]) -> None:
        matrix["complete"] = False
        first = matrix["cells"][0]
        first["rounds"][0]["verdict"] = {"status": "void", "reasons": ["a process died"]}
        first["rounds"][0]["values"] = {}
        first["summary"] = {}

    _edit(tmp_path / "matrix.json", spoil)

    page = _read(render(tmp_path))

    assert "DEGRADED" in page.text
    assert "json-etcd3, round 1: void (left out): a process died" in page.text
    assert "some rounds are missing" in page.text


def test_codecs_report_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    write_codecs(tmp_path)

    report = render(tmp_path)

    assert _read(report).problems == []
    assert EXTERNAL.findall(report.read_text()) == []
    assert "good for a look, not for a claim" in _read(report).text


def test_report_of_a_bare_run_shows_what_was_not_measured(tmp_path: Path) -> None:
    bare = {"schema_version": SCHEMA_VERSION, "config": config()}
    (tmp_path / "results.json").write_text(json.dumps(bare))

    page = _read(render(tmp_path))

    assert page.problems == []
    assert page.tags.count("img") == 0
    assert "NO VERDICT" in page.text
    assert "VALID" not in page.text
    assert "Pods started not measured" in page.text
    assert "nan" not in page.text.lower().split()


def test_void_run_warns_before_any_number(tmp_path: Path) -> None:
    bare = {
        "schema_version": SCHEMA_VERSION,
        "config": config(),
        "verdict": {"status": "void", "reasons": ["3 of 400 pods were never seen running"]},
    }
    (tmp_path / "results.json").write_text(json.dumps(bare))

    text = _read(render(tmp_path)).text

    assert text.index("VOID The numbers below say nothing") < text.index("Pods started")
    assert "3 of 400 pods were never seen running" in text


@pytest.mark.slow
def test_hostile_names_are_shown_and_never_run(tmp_path: Path) -> None:
    write_run(tmp_path)

    def poison(results: dict[str, Any]) -> None:
        results["run_id"] = results["config"]["codec"] = results["config"]["store"] = HOSTILE
        results["verdict"] = {"status": "degraded", "reasons": [HOSTILE]}
        results["environment"]["cpu"] = results["environment"]["versions"]["x"] = HOSTILE
        measured = results["measurements"]
        measured["processes"][HOSTILE] = measured["processes"]["apiserver"]
        measured["counters"][HOSTILE] = {HOSTILE: 1.0}
        measured["hot"] = {HOSTILE: [HOSTILE]}
        results["slo"][HOSTILE] = {"target": 1.0, "unit": HOSTILE}

    _edit(tmp_path / "results.json", poison)

    page = _read(render(tmp_path))

    assert page.problems == []
    assert "script" not in page.tags
    assert HOSTILE in page.text


def test_figures_of_an_earlier_report_go_when_there_is_nothing_to_show(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(
        json.dumps({"schema_version": SCHEMA_VERSION, "config": config()})
    )
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/throughput.svg").write_text("stale")

    render(tmp_path)

    assert not (tmp_path / "figures/throughput.svg").exists()


def test_directory_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"holds no results: neither matrix\.json"):
        render(tmp_path)
    with pytest.raises(ReportError, match=r"codecs\.json: no such file"):
        render_codecs(tmp_path)
