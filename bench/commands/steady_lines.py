"""What the terminal says of the steady phase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.steady_results import Steady

AIMS: Final = {
    "pod_startup_p99": "pod start-up p99",
    "single_object_client_p99": "single-object calls p99, client",
    "single_object_server_p99": "single-object calls p99, API server",
}


def steady_lines(steady: Steady) -> Iterator[str]:
    """Yield a line a fact; nothing for a phase of the probes alone."""
    found = steady.compactions
    if found is None:
        return
    counted = "an unknown number of" if found.in_phase is None else f"{found.in_phase}"
    said = {410: "gone (410)", 0: "no answer", None: "not tried"}
    code = found.read_code
    yield (
        f"{steady.seconds:.0f} s, {steady.changes_per_s or 0.0:.3g} changes/s of"
        f" {steady.changes_asked_per_s:g} asked, {counted} compactions, a read as of its begin:"
        f" {said.get(code, f'answered {code}')}"
    )
    for name, aim in steady.aims.items():
        measured = "not measured" if aim.measured_ms is None else f"{aim.measured_ms:.3g} ms"
        word = {True: "met", False: "missed", None: "open"}[aim.met]
        yield (
            f"{AIMS.get(name, name)}: {measured}, aim {aim.aim_ms:g} (level {aim.level_ms:g}):"
            f" {word}"
        )
