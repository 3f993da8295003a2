"""The same page as Markdown, for a repository: verdicts, intervals, limits, how to do it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reports.generations_model import Generations, Line
from reports.generations_wording import (
    LIMITS,
    ROWS,
    RULE,
    TITLE,
    command_words,
    disturbed_words,
    how_words,
    notes_of,
    ratio_words,
    tally_words,
    value_words,
    verdict_words,
    what_words,
)

HEAD = ("what", "whose", "etcd 2", "etcd 3", "ratio [95 % interval]", "verdict")
NO_SOURCE = "no published"


class Picture(NamedTuple):
    """A figure beside the page."""

    title: str
    file: str
    """Relative to the page."""
    caption: str


def generations_markdown(run: Generations, pictures: Sequence[Picture] = ()) -> str:
    """Return the page; it names no directory of the machine that it was measured on."""
    return "\n".join(_lines(run, pictures)) + "\n"


def _lines(run: Generations, pictures: Sequence[Picture]) -> Iterator[str]:
    machine = run.environment
    yield from (f"# {TITLE}", "", f"{what_words(run)}. Verdicts of {tally_words(run)}.", "")
    yield from (f"    {command_words(run)}", "")
    yield f"{machine.cpu}, {machine.cores} cores, {machine.python}; {run.started[:10]}."
    yield from ("", RULE, "")
    if disturbed := disturbed_words(run):
        yield from (disturbed, "")
    for each in pictures:
        yield from (f"![{each.title}]({each.file})", "", each.caption, "")
    for row in run.rows:
        yield from (f"## {row}. {ROWS[row][0]}", "", how_words(run, row), "")
        lines = [line for line in run.lines if line.row == row]
        yield from _claims(lines)
        yield from ("", _cells(HEAD), _cells(["---"] * 2 + ["---:"] * 3 + ["---"]))
        yield from (_cells(_line(line)) for line in lines)
        notes = notes_of(run, row)
        yield from ("", *(f"- {note}" for note in notes), *([""] if notes else []))
    yield from ("## Limits", "", *(f"- {limit}" for limit in LIMITS))
    if run.skipped:
        yield from ("", "Left out: " + "; ".join(run.skipped) + ".")


def _claims(lines: list[Line]) -> Iterator[str]:
    """Say each claim of a row once, with its source and the size that was claimed."""
    found: dict[tuple[str, str], float | None] = {}
    for line in lines:
        found[line.claim, line.source] = line.size or found.get((line.claim, line.source))
    for (claim, source), size in found.items():
        word = "Expected" if source.startswith(NO_SOURCE) else "Claimed"
        yield f"- {word}: {claim}{f' (≥ {size:.3g}x)' if size else ''} ({source})."


def _line(line: Line) -> tuple[str, ...]:
    return (
        line.title,
        line.family,
        value_words(line.older, line.unit),
        value_words(line.newer, line.unit),
        ratio_words(line),
        f"**{verdict_words(line)}**",
    )


def _cells(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
