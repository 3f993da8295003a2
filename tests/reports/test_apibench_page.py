"""The page of an api-bench run: every number, every aim, and what counts for nothing."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from reports.apibench_model import API_BENCH_FILE, Goal
from reports.apibench_page import aim_of, apibench_page
from reports.figures.aims import standings
from reports.render import render
from tests.reports.sample_api_bench import sample_api_bench


@pytest.mark.slow
def test_page_tells_rates_aims_and_what_was_left_out(tmp_path: Path) -> None:
    page = apibench_page(tmp_path, sample_api_bench())

    assert "6,000 (5,500-6,100)" in page
    assert "1 of 3" in page
    assert "≥ 5,000" in page
    assert "not measured" in page
    assert "&lt;59999&gt;" in page
    assert "generator-bound" in page
    assert (tmp_path / "figures" / "aims.png").is_file()


@pytest.mark.slow
def test_report_of_a_results_directory_is_drawn(tmp_path: Path) -> None:
    document = msgspec.to_builtins(sample_api_bench()) | {"schema_version": 1, "rows": []}
    (tmp_path / API_BENCH_FILE).write_text(json.dumps(document))

    assert "create protobuf c16" in render(tmp_path).read_text()


@pytest.mark.parametrize(
    ("at_least", "at_most", "said"), [(5000.0, None, "≥ 5,000"), (None, 0.13, "≤ 0.13")]
)
def test_aims_are_written_as_bounds(
    at_least: float | None, at_most: float | None, said: str
) -> None:
    assert aim_of(Goal("per_s", at_least, at_most, 1.0, met=True)) == said


def test_standing_is_above_one_where_the_aim_is_met() -> None:
    found = standings(sample_api_bench())

    assert [(round(each.times, 2), each.met) for each in found] == [(1.2, True), (0.87, False)]
    assert all(each.low <= each.times <= each.high for each in found)
