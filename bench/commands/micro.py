"""``kubedyno micro``: the microbenchmarks, by pyperf."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from bench.commands.drawing import draw
from bench.commands.interface import OK, CommandError
from bench.commands.options import claim_directory
from bench.commands.summary import print_codecs, summary_console
from bench.matrix_results import CODECS_FILE, MATRIX_FILE
from bench.micro.suites import SUITES, SuiteFailedError, run_suite
from bench.results import RESULTS_FILE

HELP: Final = "the pyperf microbenchmarks"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--suite", choices=sorted(SUITES), default="codecs")
    parser.add_argument("--out", type=Path, default=Path("out/micro"))
    parser.add_argument("--fast", action="store_true", help="few repetitions: a look, no claim")


def execute(arguments: argparse.Namespace) -> int:
    """Run a suite, write its files, print its table."""
    out = claim_directory(arguments.out, (CODECS_FILE, MATRIX_FILE, RESULTS_FILE))
    try:
        results = run_suite(arguments.suite, out, fast=arguments.fast)
    except SuiteFailedError as error:
        raise CommandError(str(error)) from error
    console = summary_console()
    print_codecs(results, console)
    console.print(f"  report: {draw(out)}", highlight=False, soft_wrap=True)
    return OK
