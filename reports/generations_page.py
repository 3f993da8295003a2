"""The page of the two generations: a table a row of claims, figures, every value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reports.environment_facts import environment_facts
from reports.figures.registry import GENERATION_FIGURES
from reports.files import draw_figures
from reports.generations_model import Generations, Line
from reports.generations_wording import (
    FAMILIES,
    LIMITS,
    ROWS,
    RULE,
    TITLE,
    claim_words,
    command_words,
    disturbed_words,
    how_words,
    notes_of,
    ratio_words,
    value_words,
    verdict_words,
    what_words,
)
from reports.html import Markup, Tile, bullets, element, join, page, section, table, tiles
from reports.wording import duration_ms

SUBJECTS: Final = ("etcd2-real", "etcd3-real", "etcd2", "etcd3")


def generations_page(directory: Path, run: Generations) -> str:
    """Draw the figures and return the page."""
    return page(
        TITLE,
        f"{run.run_id} · took {duration_ms(run.duration_s * 1000)} · {what_words(run)}",
        (
            tiles(_tiles(run)),
            section("How a verdict comes about", *map(_paragraph, (RULE, disturbed_words(run)))),
            section("What happened", draw_figures(directory, GENERATION_FIGURES, run)),
            *(section(f"{row}. {ROWS[row][0]}", *_row(run, row)) for row in run.rows),
            section("What was left out", bullets(run.skipped)) if run.skipped else "",
            section("Every value", _details(run)),
            section("How much the client used", _clients(run)),
            section("What is not in these numbers", bullets(LIMITS)),
            section("On what", environment_facts(run.environment)),
            section("How to reproduce it", element("pre", command_words(run))),
        ),
    )


def _paragraph(words: str) -> Markup:
    return element("p", words) if words else join(())


def _tiles(run: Generations) -> Iterator[Tile]:
    for family, title in FAMILIES.items():
        lines = [line for line in run.lines if line.family == family and line.rounds]
        said = Counter(line.verdict for line in lines)
        others = ", ".join(
            f"{said[word]} {word}" for word in ("opposite", "no difference", "undecided")
        )
        yield Tile(
            f"{title.capitalize()}: as claimed", f"{said['as claimed']} of {len(lines)}", others
        )


def _row(run: Generations, row: str) -> Iterator[Markup]:
    yield element("p", how_words(run, row))
    yield table(
        ("what", "claimed", "whose", "etcd 2", "etcd 3", "ratio", "verdict"),
        (_line(line) for line in run.lines if line.row == row),
        labels=3,
    )
    if notes := notes_of(run, row):
        yield bullets(notes)


def _line(line: Line) -> tuple[str, ...]:
    return (
        line.title,
        f"{claim_words(line)} — {line.source}",
        line.family,
        value_words(line.older, line.unit),
        value_words(line.newer, line.unit),
        ratio_words(line),
        verdict_words(line),
    )


def _details(run: Generations) -> Markup:
    rows = list(dict.fromkeys(each.name for each in run.details))
    return table(
        ("value", *SUBJECTS),
        ((name, *(value_words(run.detail(name, s), "") for s in SUBJECTS)) for name in rows),
    )


def _clients(run: Generations) -> Markup:
    found = [reading for reading in run.readings if not reading.failed and reading.client_cores]
    return table(
        ("station", "subject", "round", "client cores", "cores of others", "took"),
        (
            (
                r.station,
                r.subject,
                f"{r.round}",
                f"{r.client_cores:.2f}",
                f"{r.others_cores:.2f}",
                f"{r.took_s:.1f} s",
            )
            for r in found
        ),
        labels=2,
    )
