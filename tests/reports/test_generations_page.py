"""The page of the two generations, and the same as Markdown."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import msgspec
import pytest

import bench.generations.measures
import bench.generations.results
import reports.generations_model
from reports.errors import ReportError
from reports.figures.registry import GENERATION_FIGURES
from reports.generations_model import GENERATIONS_FILE, Generations, Sizes
from reports.generations_wording import ROWS, STATIONS_OF, how_words, ratio_words, verdict_words
from reports.reading import SCHEMA_VERSION
from reports.render import render, write_markdown
from tests.reports.markup import PageReader
from tests.reports.sample_generations import sample_generations

VERDICTS = ("as claimed", "opposite", "no difference", "undecided")


def _write(directory: Path, run: Generations) -> None:
    content = msgspec.to_builtins(run) | {"schema_version": SCHEMA_VERSION}
    (directory / GENERATIONS_FILE).write_bytes(msgspec.json.encode(content))


@pytest.mark.slow
def test_page_is_whole_and_says_every_verdict(tmp_path: Path) -> None:
    _write(tmp_path, sample_generations())

    report = render(tmp_path)

    text = report.read_text(encoding="utf-8")
    page = PageReader(text)
    assert page.problems == []
    assert page.tags.count("img") == len(GENERATION_FIGURES)
    assert [word for word in VERDICTS if word not in page.text] == []
    assert "as claimed (but by less)" in page.text
    assert "etcd2-real: poll: the <watch> ended" in page.text
    assert "etcd2, round 2: failed: it ended | unasked" in page.text
    assert "the moon" in page.text
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text) == []


def test_markdown_has_a_row_a_line_and_escapes_bars(tmp_path: Path) -> None:
    run = sample_generations()
    _write(tmp_path, run)

    target = write_markdown(tmp_path, tmp_path / "page.md")

    text = target.read_text(encoding="utf-8")
    for kind in GENERATION_FIGURES:
        assert (tmp_path / "page" / f"{kind.name}.svg").exists()
        assert f"(page/{kind.name}.svg)" in text
    assert "\n    kubedyno generations --rounds 5 --seed 0 --rows a,b,c,f,d\n" in text
    assert "Verdicts of the real ones: 2 as claimed, 1 opposite, 1 no difference, 1 undec" in text
    rows = [line for line in text.splitlines() if line.startswith("| title of")]
    assert len(rows) == len(run.lines)
    assert {line.count(" | ") for line in rows} == {5}
    assert "**opposite**" in text
    assert "- Claimed: claim of b (≥ 10x) (source of b)." in text
    assert "not measured" in text
    assert "In 1 of 1 reading other processes took more than 10% of the cores" in text
    assert str(tmp_path) not in text


def test_ratio_of_nothing_is_said_in_words() -> None:
    lines = {line.measure: line for line in sample_generations().lines if line.family == "real"}

    assert ratio_words(lines["d_entries_per_refresh_together"]) == "etcd 2 / etcd 3: one is 0"
    assert ratio_words(lines["f_gap_ms_max"]) == "etcd 2 / etcd 3 = 2.10 [0.7, 6.30]"
    assert verdict_words(lines["a_poll_500"]) == "opposite"


def test_undecided_line_says_how_many_rounds_would_tell() -> None:
    line = next(each for each in sample_generations().lines if each.measure == "f_gap_ms_max")

    assert verdict_words(line) == "undecided"
    told = verdict_words(dataclasses.replace(line, rounds_needed=9))
    assert told == "undecided (about 9 rounds would tell)"


def test_results_of_another_schema_are_refused(tmp_path: Path) -> None:
    (tmp_path / GENERATIONS_FILE).write_text('{"schema_version": 99}')

    with pytest.raises(ReportError, match="schema_version is 99"):
        render(tmp_path)


@pytest.mark.parametrize("name", ["Line", "Detail", "Reading", "Generations", "Sizes"])
def test_every_key_that_is_read_is_written(name: str) -> None:
    read = dataclasses.fields(getattr(reports.generations_model, name))
    written = dataclasses.fields(getattr(bench.generations.results, name))

    assert {field.name for field in read} <= {field.name for field in written}


@pytest.mark.parametrize("row", ROWS)
def test_how_a_row_is_measured_is_told_at_its_sizes(row: str) -> None:
    run = dataclasses.replace(sample_generations(), sizes=Sizes(watchers=[1, 100], pods=5000))

    said = how_words(run, row)

    assert "{" not in said
    assert ("5,000 pods" in said) == (row == "g")
    assert ("1, 100 watchers" in said) == (row == "b")


def test_files_and_rows_agree() -> None:
    assert bench.generations.results.GENERATIONS_FILE == GENERATIONS_FILE
    assert bench.generations.results.SCHEMA_VERSION == SCHEMA_VERSION
    assert set(ROWS) == set(STATIONS_OF) == set(bench.generations.measures.TITLES)
    assert {row: words[0] for row, words in ROWS.items()} == bench.generations.measures.TITLES
