"""``kubedyno matrix``: one load over codecs, stores, switches, in rounds; a comparing report."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

from bench.commands.drawing import draw
from bench.commands.interface import OK, VOID, CommandError
from bench.commands.options import (
    add_load_arguments,
    add_plane_arguments,
    claim_directory,
    load_config,
    names,
    positive,
)
from bench.commands.progress import Narrator
from bench.commands.store_options import (
    URL_FORM,
    add_real_argument,
    check_servers,
    chosen_stores,
)
from bench.commands.summary import number as shown
from bench.commands.summary import print_codecs, print_matrix, summary_console
from bench.commands.switch_options import over_switches, switch_values
from bench.matrix import Matrix, Turn
from bench.matrix_results import (
    MATRIX_FILE,
    ROUNDS_TO_DECIDE,
    CodecResults,
    MatrixResults,
    Round,
)
from bench.measuring import Measuring
from bench.micro.suites import SuiteFailedError, run_codecs
from bench.results import Status
from bench.store_choice import REAL, REALS, is_url
from storage.clock import SystemClock
from storage.registry import STORES

HELP: Final = "the same load over codecs x stores x switches, in shuffled rounds -> one report"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_plane_arguments(parser)
    add_load_arguments(parser)
    parser.add_argument(
        "--codec",
        type=names,
        default=["json", "orjson", "protobuf"],
        metavar="CODEC,...",
        help="default: json,orjson,protobuf",
    )
    parser.add_argument(
        "--store",
        type=_stores,
        default=["etcd3", "memory"],
        metavar="STORE,...",
        help=f"of {', '.join((*STORES, *REALS))}, {REAL}3, {URL_FORM} (default: etcd3,memory)",
    )
    add_real_argument(parser)
    parser.add_argument(
        "--switch",
        type=switch_values,
        action="append",
        default=[],
        metavar="NAME=A,B",
        help="an axis more: cells for every value, as kubelet-writes=put,patch; any number of them",
    )
    parser.add_argument(
        "--rounds",
        type=positive,
        default=3,
        help=f"a fresh cluster per cell each; under {ROUNDS_TO_DECIDE} nothing is decided",
    )
    parser.add_argument(
        "--codec-table",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure the codecs by themselves, too, quickly",
    )
    parser.add_argument("--out", type=Path, default=Path("out/matrix"))


def execute(arguments: argparse.Namespace) -> int:
    """Play the matrix, draw the report, print the summary."""
    configs = [
        config
        for store in chosen_stores(arguments.store, arguments.real_etcd)
        for codec in arguments.codec
        for config in over_switches(load_config(arguments, codec, store), dict(arguments.switch))
    ]
    for config in configs:
        check_servers(config)
    directory = claim_directory(arguments.out, (MATRIX_FILE,))
    clock = SystemClock()
    matrix = Matrix(configs, arguments.rounds, arguments.seed, directory, clock)
    results = asyncio.run(_play(matrix, clock))
    codecs = _codec_table(directory) if arguments.codec_table and results.complete else None
    report = draw(directory)
    if arguments.json:
        sys.stdout.buffer.write((directory / MATRIX_FILE).read_bytes())
    else:
        console = summary_console()
        if codecs is not None:
            print_codecs(codecs, console)
        print_matrix(results, console)
        console.print(f"  report: {report}", highlight=False, soft_wrap=True)
    return exit_code(results)


def _stores(text: str) -> list[str]:
    """Parse ``etcd3,memory,etcd3://a:1,b:2``: a part that is no name belongs to the URL before."""
    found: list[str] = []
    for part in names(text):
        if found and is_url(found[-1]) and ":" in part and not is_url(part):
            found[-1] += f",{part}"
        else:
            found.append(part)
    return found


def exit_code(results: MatrixResults) -> int:
    """Return what the shell is told: void as soon as one run is."""
    runs = [run for cell in results.cells for run in cell.rounds]
    void = any(run.verdict.status is Status.VOID for run in runs)
    return VOID if void or not results.complete else OK


def _codec_table(directory: Path) -> CodecResults:
    try:
        return run_codecs(directory, fast=True)
    except SuiteFailedError as error:
        raise CommandError(f"no codec table: {error}") from error


class MatrixNarrator:
    """Tells of a matrix through a narrator: which run this is, how long it will take."""

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator

    def turn(self, turn: Turn, number: int, total: int, left_s: float | None) -> None:
        left = "" if left_s is None else f", about {left_s / 60:.1f} min left"
        self._narrator.entitle(f"[{number}/{total}{left}] {turn.config.cell} round {turn.round}")

    def hear(self, said: dict[str, object]) -> None:
        self._narrator.hear(said)

    def done(self, run: Round) -> None:
        values = run.values
        self._narrator.note(
            f"{run.directory}: {run.verdict.status}, {shown(values.get('pods_per_s'))} pods/s,"
            f" start-up p50 {shown(values.get('startup_p50_ms'))} ms,"
            f" CPU {shown(values.get('cpu_ms_per_pod'))} ms/pod"
        )


async def _play(matrix: Matrix, clock: SystemClock) -> MatrixResults:
    measuring = Measuring()
    with Narrator(clock) as narrator, measuring.signals():
        return await matrix.play(measuring, MatrixNarrator(narrator))
