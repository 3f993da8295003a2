"""The same page as Markdown, for a repository: verdicts, intervals, limits, how to do it again."""

from __future__ import annotations

from collections.abc import Iterator

from reports.generations_model import Generations, Line
from reports.generations_wording import (
    LIMITS,
    ROWS,
    RULE,
    TITLE,
    claim_words,
    notes_of,
    ratio_words,
    value_words,
    verdict_words,
    what_words,
)

HEAD = ("what", "whose", "etcd 2", "etcd 3", "ratio [95 % interval]", "verdict")


def generations_markdown(run: Generations) -> str:
    """Return the page; it names no directory of the machine that it was measured on."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: Generations) -> Iterator[str]:
    machine = run.environment
    yield from (f"# {TITLE}", "", f"{what_words(run)}.", "")
    yield from (f"    {run.command}", "")
    yield f"{machine.cpu}, {machine.cores} cores, {machine.python}; {run.started[:10]}."
    yield from ("", RULE, "")
    for row in run.rows:
        title, how = ROWS[row]
        yield from (f"## {row}. {title}", "", how, "")
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
    """Say each claim of a row once, with its source."""
    found: dict[tuple[str, str], None] = {}
    for line in lines:
        found[claim_words(line), line.source] = None
    yield from (f"- Claimed: {claim} ({source})." for claim, source in found)


def _line(line: Line) -> tuple[str, ...]:
    return (
        line.title,
        line.family,
        value_words(line.older, line.unit),
        value_words(line.newer, line.unit),
        ratio_words(line),
        f"**{verdict_words(line)}**",
    )


def _cells(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
