"""An interrupt at any time: children end, what was measured is written, the report is drawn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands.interface import VOID
from bench.results import Results, Status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOAD = ["--nodes", "2", "--pods", "40", "--store", "memory", "--steady", "3", "--history", "off"]
PHASES = [
    ("starting the plane", [], signal.SIGINT, []),
    ("pods running 0", ["--rate", "5"], signal.SIGTERM, []),
    ("seconds of churn", [], signal.SIGINT, ["fill"]),
    ("auditing", ["--steady", "1"], signal.SIGTERM, ["fill", "steady"]),
    ("pods deleted", ["--steady", "1"], signal.SIGINT, ["fill", "steady"]),
]


def start(out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.cli", "run", *LOAD, *more, "--out", str(out)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.mark.parametrize(("saying", "more", "number", "phases"), PHASES)
def test_run_that_is_interrupted_in_a_phase_writes_what_was_measured(
    tmp_path: Path, saying: str, more: list[str], number: signal.Signals, phases: list[str]
) -> None:
    with start(tmp_path / "run", *more) as process:
        assert process.stderr is not None
        while saying.encode() not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        said, _ = process.communicate()

    results = Results.read(tmp_path / "run")
    assert process.returncode == VOID
    assert results.verdict.status is Status.VOID
    assert results.verdict.rules[0] == "broken-off"
    assert results.verdict.reasons[0] == "interrupted: the numbers cover a part of the run"
    assert [phase.name for phase in results.phases][: len(phases)] == phases
    assert b"interrupted" in said
    assert (tmp_path / "run" / "report.html").exists()
    assert not (tmp_path / "run" / "data").exists()
    assert left(tmp_path / "run") == []


def left(out: Path) -> list[str]:
    """Return the processes that still work for a run."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and int(each.name) != os.getpid():
            try:
                said = (each / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(out) in said:
                found.append(said.replace("\0", " "))
    return found
