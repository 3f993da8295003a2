"""``kubedyno full``: the full-size runs one after the other, unattended; goes on where it was."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from pathlib import Path
from typing import Final

from bench.commands.drawing import draw
from bench.commands.full_table import print_full
from bench.commands.matrix import exit_code
from bench.commands.options import (
    add_load_arguments,
    add_plane_arguments,
    claim_directory,
    load_config,
    rate,
)
from bench.commands.progress import Narrator
from bench.commands.summary import number as shown
from bench.commands.summary import print_matrix, summary_console
from bench.environment import describe_environment
from bench.full import CELLS, SHORT_STEADY_S, CellName, Keeper, turns
from bench.matrix import Matrix, Turn
from bench.matrix_results import MATRIX_FILE, MatrixResults, Round
from bench.measuring import CONFIG_FILE, Measuring
from bench.results import RESULTS_FILE
from bench.steadiness import FULL_STEADY_S
from storage.clock import SystemClock

HELP: Final = "the full-size runs, unattended: 2000 nodes and 60,000 pods in each cell"
FULL_NODES: Final = 2000
FULL_PODS: Final = 60_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_plane_arguments(parser)
    add_load_arguments(parser)
    parser.set_defaults(nodes=FULL_NODES, pods=FULL_PODS, steady=FULL_STEADY_S)
    parser.add_argument(
        "--short-steady",
        type=rate,
        default=SHORT_STEADY_S,
        metavar="S",
        help="the steady phase of every cell but the first (default: %(default)g)",
    )
    parser.add_argument(
        "--cells",
        type=_cells,
        default=list(CELLS),
        metavar="CODEC-STORE,...",
        help=f"default: {','.join('-'.join(cell) for cell in CELLS)}",
    )
    parser.add_argument("--again", action="store_true", help="keep no earlier results")
    parser.add_argument(
        "--any-revision", action="store_true", help="keep what another revision measured, too"
    )
    parser.add_argument("--out", type=Path, default=Path("out/full"))


def execute(arguments: argparse.Namespace) -> int:
    """Run the cells that have no results yet, draw the report, print the tables."""
    configs = [load_config(arguments, *cell) for cell in arguments.cells]
    planned = turns(configs, arguments.short_steady)
    begun = [f"{turn.directory}/{CONFIG_FILE}" for turn in planned]
    directory = claim_directory(arguments.out, (MATRIX_FILE, *begun))
    clock, environment = SystemClock(), describe_environment()
    keeper = Keeper(
        directory, environment.git_revision, arguments.any_revision, again=arguments.again
    )
    matrix = Matrix(
        [turn.config for turn in planned],
        1,
        arguments.seed,
        directory,
        clock,
        environment,
        planned=planned,
        kept=keeper.kept,
        command=_command(),
    )
    results = asyncio.run(_play(matrix, keeper, clock))
    for run in (run for cell in results.cells for run in cell.rounds):
        if (directory / run.directory / RESULTS_FILE).exists():
            draw(directory / run.directory)
    report = draw(directory)
    if arguments.json:
        sys.stdout.buffer.write((directory / MATRIX_FILE).read_bytes())
    else:
        console = summary_console()
        print_matrix(results, console)
        print_full(directory, planned, console)
        console.print(f"  report: {report}", highlight=False, soft_wrap=True)
    return exit_code(results)


def _command() -> str:
    return shlex.join(["kubedyno", *sys.argv[1:]])


def _cells(text: str) -> list[CellName]:
    found = []
    for name in dict.fromkeys(part.strip() for part in text.split(",") if part.strip()):
        codec, dash, store = name.partition("-")
        if not dash or not codec or not store:
            raise argparse.ArgumentTypeError(f"{name!r} is no CODEC-STORE")
        found.append(CellName(codec, store))
    if not found:
        raise argparse.ArgumentTypeError("no cells")
    return found


class FullNarrator:
    """Tells which cell this is, and what became of those before."""

    def __init__(self, narrator: Narrator, keeper: Keeper) -> None:
        self._narrator = narrator
        self._keeper = keeper

    def turn(self, turn: Turn, number: int, total: int, left_s: float | None) -> None:
        self._narrator.entitle(f"[{number}/{total}] {turn.directory}", turn.config)
        if turn.directory in self._keeper.said:
            self._narrator.note(f"{turn.directory}: {self._keeper.said[turn.directory]}")

    def hear(self, said: dict[str, object]) -> None:
        self._narrator.hear(said)

    def done(self, run: Round) -> None:
        values = run.values
        self._narrator.note(
            f"{run.directory}: {run.verdict.status}, {shown(values.get('pods_per_s'))} pods/s,"
            f" start-up p99 {shown(values.get('startup_p99_ms'))} ms"
        )


async def _play(matrix: Matrix, keeper: Keeper, clock: SystemClock) -> MatrixResults:
    measuring = Measuring()
    with Narrator(clock) as narrator, measuring.signals():
        return await matrix.play(measuring, FullNarrator(narrator, keeper))
