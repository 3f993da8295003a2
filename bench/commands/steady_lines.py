"""What the terminal says of the steady phase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.steady_results import Aim, Steady

AIMS: Final = {
    "pod_startup_p99": "pod start-up",
    "single_object_client_p99": "single-object calls, client",
    "single_object_server_p99": "API server",
}


def steady_lines(steady: Steady) -> Iterator[str]:
    """Yield a line on what was done and one on the aims; none for a phase of the probes alone."""
    found = steady.compactions
    if found is None:
        return
    counted = "an unknown number of" if found.in_phase is None else f"{found.in_phase}"
    word = "compaction" if found.in_phase == 1 else "compactions"
    compacted = f"{counted} {word}" if found.declared else "a store that has no compaction"
    said = {410: "gone (410)", 0: "no answer", None: "not tried"}
    code = found.read_code
    yield (
        f"{steady.seconds:.0f} s, {steady.changes_per_s or 0.0:.3g} changes/s of"
        f" {steady.changes_asked_per_s:g} asked, {compacted}, a read as of its begin:"
        f" {said.get(code, f'answered {code}')}"
    )
    if steady.aims:
        aims = (f"{AIMS.get(name, name)} {_aim(aim)}" for name, aim in steady.aims.items())
        yield f"aims for p99: {'; '.join(aims)}"


def _aim(aim: Aim) -> str:
    measured = "not measured" if aim.measured_ms is None else f"{aim.measured_ms:.3g} ms"
    word = {True: "met", False: "MISSED", None: "open"}[aim.met]
    return f"{measured} of {aim.aim_ms:g}: {word}"
