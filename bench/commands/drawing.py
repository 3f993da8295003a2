"""Having the report drawn. matplotlib takes a second to import: never before a measurement."""

from __future__ import annotations

from pathlib import Path

from bench.matrix_results import MATRIX_FILE


def draw(directory: Path) -> Path:
    """Draw the report of a run or a matrix; return its path."""
    from reports.render import render_matrix, render_run  # noqa: PLC0415  slow to import

    if (directory / MATRIX_FILE).exists():
        return render_matrix(directory)
    return render_run(directory)
