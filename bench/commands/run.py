"""``kubedyno run``: one load test, into a results directory with its report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.commands.drawing import draw
from bench.commands.interface import MISSED, OK, VOID, CommandError, UsageError
from bench.commands.options import (
    add_load_arguments,
    add_plane_arguments,
    address,
    claim_directory,
    data_dir,
    fresh_data_dir,
    load_config,
    new_file,
)
from bench.commands.progress import Narrator
from bench.commands.store_options import (
    add_fault_argument,
    add_keep_argument,
    add_store_arguments,
    check_servers,
    chosen_store,
)
from bench.commands.summary import print_run, summary_console
from bench.matrix_results import MATRIX_FILE
from bench.measuring import CONFIG_FILE, Measuring, RunFailedError
from bench.results import RESULTS_FILE, Config, Results, Status
from bench.store_choice import compacts
from storage.clock import SystemClock

HELP: Final = "one load test -> a results directory with its report"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_plane_arguments(parser)
    add_load_arguments(parser)
    parser.add_argument("--codec", default="protobuf", help="of every process")
    add_store_arguments(parser)
    add_keep_argument(parser)
    add_fault_argument(parser)
    parser.add_argument(
        "--data-dir",
        type=data_dir,
        default="",
        metavar="DIR",
        help="the store's; default: fresh, removed",
    )
    parser.add_argument("--listen", type=address, metavar="HOST:PORT")
    parser.add_argument(
        "--kubeconfig", type=new_file, metavar="FILE", help="write one, to look on while it runs"
    )
    parser.add_argument("--out", type=Path, help="default: out/run-<time>")
    parser.add_argument("--profile", action="store_true", help="py-spy on every process")


def _store(arguments: argparse.Namespace) -> str:
    store = chosen_store(arguments)
    if arguments.compact_every is not None and not compacts(store):
        raise UsageError(f"--compact-every is for a store that compacts, which {store} does not")
    return store


def execute(arguments: argparse.Namespace) -> int:
    """Run, print the summary, draw the report."""
    config = replace(
        load_config(arguments, arguments.codec, _store(arguments)),
        keep_store=arguments.keep_store,
        etcd_faults=",".join(arguments.etcd_fault),
        data_dir=fresh_data_dir(arguments.data_dir),
        listen=arguments.listen or "",
        kubeconfig=str(arguments.kubeconfig or ""),
        profile=arguments.profile,
    )
    check_servers(config)
    out = arguments.out or Path("out") / f"run-{SystemClock().now():%Y%m%d-%H%M%S}"
    directory = claim_directory(out, (RESULTS_FILE, CONFIG_FILE))
    (directory / MATRIX_FILE).unlink(missing_ok=True)
    results = asyncio.run(_run(config, directory))
    if arguments.json:
        sys.stdout.buffer.write((directory / RESULTS_FILE).read_bytes())
        draw(directory)
    else:
        console = summary_console()
        print_run(results, console)
        console.print(f"  report: {draw(directory)}", highlight=False, soft_wrap=True)
    return exit_code(results)


def exit_code(results: Results) -> int:
    """Return what the shell is told of a run."""
    if results.verdict.status is Status.VOID:
        return VOID
    return OK if all(level.met for level in results.slo.values()) else MISSED


async def _run(config: Config, directory: Path) -> Results:
    measuring = Measuring()
    with Narrator(SystemClock()) as narrator, measuring.signals():
        narrator.entitle(config.cell, config)
        try:
            return await measuring.run(config, directory, narrator.hear)
        except RunFailedError as error:
            raise CommandError(str(error)) from error
