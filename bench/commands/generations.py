"""``kubedyno generations``: etcd 2 and etcd 3, ours and real, on what separated them: one page."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.commands.drawing import draw, write_generations_markdown
from bench.commands.interface import OK, VOID, CommandError, UsageError
from bench.commands.options import claim_directory, names, positive
from bench.generations.orchestration import Rounds
from bench.generations.results import GENERATIONS_FILE, Generations, Line, Reading
from bench.generations.settings import QUICK, ROWS, Sizes
from bench.generations.subjects import SUBJECTS
from bench.matrix_results import ROUNDS_TO_DECIDE
from bench.measuring import Measuring
from bench.own_etcd import PROGRAM
from bench.results import UnreadableResultsError, read_json
from storage.clock import SystemClock

HELP: Final = "etcd 2 and etcd 3, ours and real, on what separated them: claims, measured, one page"
VERSION_S_MAX: Final = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--rows",
        type=_rows,
        default=ROWS,
        metavar="a,b,...",
        help="a: events to one watcher, b: what watchers cost, c: list, d: living keys, e: bytes, "
        "f: restart and snapshots, g: under the API server, h: single operations; default: all",
    )
    parser.add_argument(
        "--subjects",
        type=names,
        default=list(SUBJECTS),
        metavar="NAME,...",
        help=f"default: {','.join(SUBJECTS)}",
    )
    parser.add_argument(
        "--rounds",
        type=positive,
        default=ROUNDS_TO_DECIDE,
        help=f"fresh servers each; under {ROUNDS_TO_DECIDE} hardly anything is decided",
    )
    parser.add_argument("--seed", type=int, default=0, help="the source of all chance")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: to see that it works, not to quote"
    )
    parser.add_argument("--nodes", type=positive, help="hollow ones of row g; default: 1000")
    parser.add_argument("--pods", type=positive, help="of row g; default: 5000")
    parser.add_argument("--out", type=Path, default=Path("out/generations"))
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page there, too")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")


def execute(arguments: argparse.Namespace) -> int:
    """Play the rounds that are missing, draw the page, print the verdicts."""
    for name in arguments.subjects:
        if name not in SUBJECTS:
            raise UsageError(f"no subject {name!r}; there are {', '.join(SUBJECTS)}")
    directory = claim_directory(arguments.out, (GENERATIONS_FILE,))
    results = asyncio.run(_play(_planned(arguments, directory)))
    report = draw(directory)
    if arguments.markdown is not None:
        write_generations_markdown(directory, arguments.markdown)
    if arguments.json:
        sys.stdout.buffer.write((directory / GENERATIONS_FILE).read_bytes())
    else:
        sys.stdout.write("\n".join([*map(verdict_line, results.lines), f"report: {report}"]) + "\n")
    failed = any(reading.failed for reading in results.readings)
    return VOID if failed or not results.complete else OK


def _rows(text: str) -> str:
    found = names(text) if "," in text else list(dict.fromkeys(text))
    for row in found:
        if row not in ROWS or len(row) != 1:
            raise argparse.ArgumentTypeError(f"no row {row!r}; there are {','.join(ROWS)}")
    if not found:
        raise argparse.ArgumentTypeError("no rows")
    return "".join(sorted(found))


def _planned(arguments: argparse.Namespace, directory: Path) -> Rounds:
    """Return what is to be played, with what an earlier time has left in the directory."""
    sizes = QUICK if arguments.quick else Sizes()
    sizes = replace(sizes, nodes=arguments.nodes or sizes.nodes, pods=arguments.pods or sizes.pods)
    version, subjects, skipped = _etcd_version(), list(arguments.subjects), []
    if not version and any(SUBJECTS[name].real for name in subjects):
        skipped = [f"the real ones: there is no program {PROGRAM!r} on the path"]
        subjects = [name for name in subjects if not SUBJECTS[name].real]
    return Rounds(
        directory=directory,
        clock=SystemClock(),
        rows=arguments.rows,
        rounds=arguments.rounds,
        seed=arguments.seed,
        sizes=sizes,
        subjects=subjects,
        command=" ".join(["kubedyno", *sys.argv[1:]]),
        etcd_version=version,
        quick=arguments.quick,
        skipped=skipped,
        readings=_kept(directory, arguments.seed, sizes),
    )


def _kept(directory: Path, seed: int, sizes: Sizes) -> list[Reading]:
    """Return the readings of an earlier time. Raises UsageError where they are of other loads."""
    file = directory / GENERATIONS_FILE
    if not file.exists():
        return []
    try:
        earlier = read_json(file, Generations)
    except UnreadableResultsError as error:
        raise UsageError(f"{error}: choose another --out") from error
    if (earlier.seed, earlier.sizes) != (seed, sizes):
        raise UsageError(f"{file} is of another --seed or other sizes: choose another --out")
    return earlier.readings


def _etcd_version() -> str:
    """Return the version of the real etcd; empty where there is none."""
    program = shutil.which(PROGRAM)
    if program is None:
        return ""
    try:
        told = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_S_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CommandError(f"{program} does not tell its version: {error}") from error
    return told.stdout.partition("\n")[0].rpartition(" ")[2]


async def _play(rounds: Rounds) -> Generations:
    measuring = Measuring()
    with measuring.signals():
        return await rounds.play(measuring, _tell)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def verdict_line(line: Line) -> str:
    """Return a comparison for people."""
    head = f"{line.row} {line.family:4} {line.title}:"
    if line.older is None or not line.rounds:
        return f"{head} not measured"
    if line.ratio is None:
        newer = 0.0 if line.newer is None else line.newer.mean
        ratio = f"{line.older.mean:g} against {newer:g}"
    else:
        bounds = "" if line.low is None else f" [{line.low:.2f}, {line.high:.2f}]"
        ratio = f"{line.words} = {line.ratio:.2f}{bounds}"
    said = f", {line.size_verdict}" if line.size_verdict else ""
    return f"{head} {ratio}: {line.verdict}{said}"
