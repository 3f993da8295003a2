"""Having the report drawn. matplotlib takes a second to import: never before a measurement."""

from __future__ import annotations

from pathlib import Path

from bench.commands.interface import CommandError


def draw(directory: Path) -> Path:
    """Draw the report of a run, a matrix or a codec table; return its path.

    Raises CommandError.
    """
    from reports.errors import ReportError  # noqa: PLC0415  slow to import
    from reports.render import render  # noqa: PLC0415

    try:
        return render(directory)
    except ReportError as error:
        raise CommandError(f"no report: {error}") from error


def write_generations_markdown(directory: Path, target: Path) -> Path:
    """Write the page of the two generations as Markdown; return its path. Raises CommandError."""
    from reports.errors import ReportError  # noqa: PLC0415  slow to import
    from reports.render import write_markdown  # noqa: PLC0415

    try:
        return write_markdown(directory, target)
    except ReportError as error:
        raise CommandError(f"no page: {error}") from error
