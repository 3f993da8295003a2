"""The microbenchmark suites: running one under pyperf and making a table of what it wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pyperf

from bench.environment import describe_environment
from bench.matrix_results import CODECS_FILE, CodecResults, CodecRow
from bench.micro import codec_suite
from bench.results import write_json
from storage.clock import SystemClock

SUITES: Final[dict[str, str]] = {"codecs": codec_suite.MODULE}
"""By name: the module that is the pyperf script."""

FAST: Final = ("--processes", "1", "--values", "3", "--warmups", "1", "--min-time", "0.01")
THOROUGH: Final = ("--processes", "6", "--values", "5", "--warmups", "1", "--min-time", "0.05")

NOTES: Final = (
    "wire: bytes <-> plain dicts; typed: bytes <-> messages, as every component uses them.",
    "Protobuf has no plain form: both of its levels are the message's own parse and serialize.",
)


class SuiteFailedError(Exception):
    """pyperf did not come to an end."""


def run_suite(name: str, out: Path, *, fast: bool) -> CodecResults:
    """Run a suite; write ``<name>.pyperf.json`` and the table; return the table.

    Raises SuiteFailedError.
    """
    started = SystemClock().now().isoformat(timespec="seconds")
    target = out / f"{name}.pyperf.json"
    target.unlink(missing_ok=True)
    command = [sys.executable, "-m", SUITES[name], "--quiet", "--output", str(target)]
    done = subprocess.run([*command, *(FAST if fast else THOROUGH)], check=False, stdout=sys.stderr)
    if done.returncode != 0 or not target.exists():
        raise SuiteFailedError(f"pyperf ended with exit code {done.returncode}")
    results = CodecResults(
        started=started,
        environment=describe_environment(),
        rows=read_rows(target),
        fast=fast,
        notes=list(NOTES),
    )
    write_json(out / CODECS_FILE, results)
    return results


def read_rows(path: Path) -> list[CodecRow]:
    """Return the rows of a suite's pyperf file."""
    rows = []
    for benchmark in pyperf.BenchmarkSuite.load(str(path)).get_benchmarks():
        case = codec_suite.Case(*benchmark.get_name().split("/"))
        single = benchmark.get_nvalue() < 2
        rows.append(
            CodecRow(
                codec=case.codec,
                level=case.level,
                direction=case.direction,
                shape=case.shape,
                mean_us=benchmark.mean() * 1e6,
                stdev_us=0.0 if single else benchmark.stdev() * 1e6,
                encoded_bytes=len(codec_suite.encoded(case.codec, case.shape)),
            )
        )
    return rows
