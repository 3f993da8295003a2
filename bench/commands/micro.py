"""``kubedyno micro``: the microbenchmarks, by pyperf."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.commands.drawing import draw
from bench.commands.ending import terminated_like_interrupted
from bench.commands.interface import OK, CommandError
from bench.commands.options import claim_directory
from bench.commands.store_micro_table import print_store_micro
from bench.commands.summary import print_codecs, summary_console
from bench.matrix_results import CODECS_FILE, MATRIX_FILE
from bench.micro.store_results import STORE_MICRO_FILE
from bench.micro.suites import CODECS, SUITES, SuiteFailedError, run_codecs, run_store
from bench.results import RESULTS_FILE

HELP: Final = "the pyperf microbenchmarks"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--suite", choices=sorted(SUITES), default=CODECS)
    parser.add_argument("--out", type=Path, default=Path("out/micro"))
    parser.add_argument("--fast", action="store_true", help="few repetitions: a look, no claim")


def execute(arguments: argparse.Namespace) -> int:
    """Run a suite, write its files, print its table."""
    markers = (CODECS_FILE, MATRIX_FILE, RESULTS_FILE, STORE_MICRO_FILE)
    out = claim_directory(arguments.out, markers)
    console = summary_console()
    try:
        with terminated_like_interrupted():
            _run(arguments, out, console)
    except SuiteFailedError as error:
        raise CommandError(str(error)) from error
    console.print(f"  report: {draw(out)}", highlight=False, soft_wrap=True)
    return OK


def _run(arguments: argparse.Namespace, out: Path, console: Console) -> None:
    """Run the suite and print its table; an older table of another suite leaves the directory."""
    if arguments.suite == CODECS:
        print_codecs(run_codecs(out, fast=arguments.fast), console)
        (out / STORE_MICRO_FILE).unlink(missing_ok=True)
    else:
        print_store_micro(run_store(out, fast=arguments.fast), console)
        (out / CODECS_FILE).unlink(missing_ok=True)
