"""``kubedyno report``: draw the report of a results directory again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.apibench.results import API_BENCH_FILE
from bench.commands.drawing import draw
from bench.commands.interface import OK, UsageError
from bench.generations.results import GENERATIONS_FILE
from bench.load.settings import LOCUST_FILE
from bench.matrix_results import CODECS_FILE, MATRIX_FILE
from bench.micro.store_results import STORE_MICRO_FILE
from bench.results import RESULTS_FILE
from bench.storebench.results import STORE_BENCH_FILE

HELP: Final = "draw the report of a results directory again"
FILES: Final = (
    MATRIX_FILE,
    RESULTS_FILE,
    CODECS_FILE,
    LOCUST_FILE,
    API_BENCH_FILE,
    STORE_BENCH_FILE,
    STORE_MICRO_FILE,
    GENERATIONS_FILE,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "directory",
        type=Path,
        help="of a run, a matrix, a micro, locust, api-bench, store-bench or generations run",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Draw it, print where it is."""
    directory: Path = arguments.directory
    if not any((directory / name).exists() for name in FILES):
        raise UsageError(f"{directory} holds none of {', '.join(FILES)}")
    Console().print(str(draw(directory)), highlight=False, soft_wrap=True)
    return OK
