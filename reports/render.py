"""Drawing the report of a results directory: what ``bench`` calls."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reports.apibench_model import API_BENCH_FILE, ApiBench
from reports.apibench_page import apibench_page
from reports.codecs_page import codecs_page
from reports.comparing import CODECS_FILE, MATRIX_FILE, Matrix, read_codecs
from reports.errors import ReportError
from reports.files import write_whole
from reports.locust_model import LOCUST_FILE, LocustRun
from reports.locust_page import locust_page
from reports.matrix_page import matrix_page
from reports.model import RESULTS_FILE, Run
from reports.run_page import run_page

REPORT_FILE: Final = "report.html"


def render_run(directory: Path) -> Path:
    """Draw the report and the figures of a run; return the report's path.

    Files of an earlier report are replaced, each whole or not at all. Raises ReportError.
    """
    return _write(directory, run_page(Run.read(directory)))


def render_matrix(directory: Path) -> Path:
    """Draw the comparing report of a matrix; return its path. Raises ReportError.

    The runs' own reports are not drawn. A ``codecs.json`` in the directory becomes part of it.
    """
    return _write(directory, matrix_page(Matrix.read(directory)))


def render_codecs(directory: Path) -> Path:
    """Draw the report of a codec table; return its path. Raises ReportError."""
    results = read_codecs(directory)
    if results is None:
        raise ReportError(f"{directory / CODECS_FILE}: no such file")
    return _write(directory, codecs_page(directory, results))


def render_locust(directory: Path) -> Path:
    """Draw the report of a locust run; return its path. Raises ReportError."""
    return _write(directory, locust_page(LocustRun.read(directory)))


def render_api_bench(directory: Path) -> Path:
    """Draw the report of an api-bench run; return its path. Raises ReportError."""
    return _write(directory, apibench_page(directory, ApiBench.read(directory)))


def render(directory: Path) -> Path:
    """Draw the report of whatever a directory holds; return its path. Raises ReportError."""
    if (directory / MATRIX_FILE).is_file():
        return render_matrix(directory)
    if (directory / RESULTS_FILE).is_file():
        return render_run(directory)
    if (directory / CODECS_FILE).is_file():
        return render_codecs(directory)
    if (directory / LOCUST_FILE).is_file():
        return render_locust(directory)
    if (directory / API_BENCH_FILE).is_file():
        return render_api_bench(directory)
    names = f"{MATRIX_FILE}, {RESULTS_FILE}, {CODECS_FILE}, {LOCUST_FILE} nor {API_BENCH_FILE}"
    raise ReportError(f"{directory}: holds no results: neither {names}")


def _write(directory: Path, page: str) -> Path:
    return write_whole(directory / REPORT_FILE, page.encode())
