"""Drawing the report of a results directory: what ``bench`` calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from reports.apibench_model import API_BENCH_FILE, ApiBench
from reports.apibench_page import apibench_page
from reports.codecs_page import codecs_page
from reports.comparing import CODECS_FILE, MATRIX_FILE, Matrix, read_codecs
from reports.errors import ReportError
from reports.figures.registry import GENERATION_FIGURES
from reports.files import draw_vector, write_whole
from reports.generations_markdown import Picture, generations_markdown
from reports.generations_model import GENERATIONS_FILE, Generations
from reports.generations_page import generations_page
from reports.locust_model import LOCUST_FILE, LocustRun
from reports.locust_page import locust_page
from reports.matrix_page import matrix_page
from reports.model import RESULTS_FILE, Run
from reports.run_page import run_page
from reports.storebench_model import STORE_BENCH_FILE, STORE_MICRO_FILE, StoreBench, StoreMicro
from reports.storebench_page import store_micro_page, storebench_page

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


def render_store_bench(directory: Path) -> Path:
    """Draw the report of a store-bench run; return its path. Raises ReportError."""
    return _write(directory, storebench_page(directory, StoreBench.read(directory)))


def render_store_micro(directory: Path) -> Path:
    """Draw the report of the store suite; return its path. Raises ReportError."""
    return _write(directory, store_micro_page(StoreMicro.read(directory)))


def render_generations(directory: Path) -> Path:
    """Draw the page of the two generations; return its path. Raises ReportError."""
    return _write(directory, generations_page(directory, Generations.read(directory)))


def write_markdown(directory: Path, target: Path) -> Path:
    """Write the page of the two generations as Markdown, its figures in a directory beside it.

    ``generations.md`` has its figures in ``generations/``. Returns its path. Raises ReportError.
    """
    run = Generations.read(directory)
    beside = target.with_suffix("")
    pictures = [
        Picture(kind.title, f"{beside.name}/{path.name}", caption)
        for kind in GENERATION_FIGURES
        for path, caption in draw_vector(beside, kind, run)
    ]
    return write_whole(target, generations_markdown(run, pictures).encode())


RENDERERS: Final[dict[str, Callable[[Path], Path]]] = {
    MATRIX_FILE: render_matrix,
    RESULTS_FILE: render_run,
    CODECS_FILE: render_codecs,
    LOCUST_FILE: render_locust,
    API_BENCH_FILE: render_api_bench,
    STORE_BENCH_FILE: render_store_bench,
    STORE_MICRO_FILE: render_store_micro,
    GENERATIONS_FILE: render_generations,
}
"""By the file that a directory must hold; the first that it has counts."""


def render(directory: Path) -> Path:
    """Draw the report of whatever a directory holds; return its path. Raises ReportError."""
    for name, renderer in RENDERERS.items():
        if (directory / name).is_file():
            return renderer(directory)
    *most, last = RENDERERS
    names = f"{', '.join(most)} nor {last}"
    raise ReportError(f"{directory}: holds no results: neither {names}")


def _write(directory: Path, page: str) -> Path:
    return write_whole(directory / REPORT_FILE, page.encode())
