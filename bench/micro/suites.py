"""The microbenchmark suites: running one under pyperf and making a table of what it wrote."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import pyperf

from bench.environment import describe_environment
from bench.matrix_results import CODECS_FILE, CodecResults, CodecRow
from bench.micro import codec_suite, store_suite
from bench.micro.store_results import STORE_MICRO_FILE, StoreMicro, read_store_rows
from bench.results import write_json
from storage.clock import SystemClock

CODECS: Final = "codecs"
STORE: Final = "store"
SUITES: Final[dict[str, str]] = {CODECS: codec_suite.MODULE, STORE: store_suite.MODULE}
"""By name: the module that is the pyperf script."""

FAST: Final = ("--processes", "1", "--values", "3", "--warmups", "1", "--min-time", "0.01")
THOROUGH: Final = ("--processes", "6", "--values", "5", "--warmups", "1", "--min-time", "0.05")

NOTES: Final = (
    "wire: bytes <-> plain dicts; typed: bytes <-> messages, as every component uses them.",
    "Protobuf has no plain form: both of its levels are the message's own parse and serialize.",
)


class SuiteFailedError(Exception):
    """pyperf did not come to an end."""


def run_codecs(out: Path, *, fast: bool) -> CodecResults:
    """Run the codec suite; write its table; return it. Raises SuiteFailedError."""
    started = SystemClock().now().isoformat(timespec="seconds")
    results = CodecResults(
        started=started,
        environment=describe_environment(),
        rows=read_rows(run_pyperf(CODECS, out, fast=fast)),
        fast=fast,
        notes=list(NOTES),
    )
    write_json(out / CODECS_FILE, results)
    return results


def run_store(out: Path, *, fast: bool) -> StoreMicro:
    """Run the store suite; write its table; return it. Raises SuiteFailedError."""
    started = SystemClock().now().isoformat(timespec="seconds")
    rows = read_store_rows(run_pyperf(STORE, out, fast=fast))
    results = StoreMicro(started, describe_environment(), rows, fast=fast)
    write_json(out / STORE_MICRO_FILE, results)
    return results


def run_pyperf(name: str, out: Path, *, fast: bool) -> Path:
    """Run a suite; return what pyperf wrote, ``<name>.pyperf.json``. Raises SuiteFailedError."""
    target = out / f"{name}.pyperf.json"
    target.unlink(missing_ok=True)
    command = [sys.executable, "-m", SUITES[name], "--quiet", "--output", str(target)]
    command += ["--inherit-environ", "TMPDIR", *(FAST if fast else THOROUGH)]
    exit_code = None
    try:
        with tempfile.TemporaryDirectory(prefix="kubedyno-micro-") as scratch:
            exit_code = run_alone(command, {**os.environ, "TMPDIR": scratch})
    finally:
        if exit_code != 0:  # pyperf writes after every benchmark: half a suite is no result
            target.unlink(missing_ok=True)
    if not target.exists():
        raise SuiteFailedError(f"pyperf ended with exit code {exit_code}")
    return target


def run_alone(command: list[str], environment: dict[str, str]) -> int:
    """Run a command whose own processes end with it, whatever interrupts; return its exit code.

    pyperf's workers outlive it when it is killed, so the group that they are in is ended.
    """
    process = subprocess.Popen(command, env=environment, stdout=sys.stderr, start_new_session=True)
    try:
        return process.wait()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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
