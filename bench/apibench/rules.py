"""What makes a row worth nothing, and what is to be said beside it. A rule each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from bench.apibench.settings import Outcome

GENERATOR_CORES_MAX: Final = 0.9
"""Of the one core that a generator can use: above it the rate is the generator's own."""
GENERATOR_BOUND: Final = "generator-bound"
RATE_SHARE_MIN: Final = 0.95
LATE_MS_MAX: Final = 50.0
"""As the verdict of a run allows (``bench.verdict.generator``)."""


def cores(outcome: Outcome, name: str) -> float | None:
    """Return how many cores a process kept busy in the window; None where it is not known."""
    used = outcome.cpu_s.get(name)
    return None if used is None or outcome.window_s <= 0 else used / outcome.window_s


def why_invalid(outcome: Outcome) -> Iterator[str]:
    """Say why a row is worth nothing."""
    if outcome.failures:
        told = ", ".join(f"{count} x {what}" for what, count in sorted(outcome.failures.items()))
        yield f"failed: {told}; first: {outcome.first_failure}"
    if not outcome.operations:
        yield "not one operation was done"


def notes_on(outcome: Outcome, rate: float = 0.0) -> Iterator[str]:
    """Say what to know beside a row; ``rate``: operations a second that were asked for, 0: any."""
    # One operation more or less falls into the window by chance.
    if outcome.operations + 1 < RATE_SHARE_MIN * rate * outcome.window_s and not outcome.short:
        got = outcome.operations / outcome.window_s
        yield (
            f"rate missed: {got:.4g} of {rate:g} a second; what was due and not answered by the"
            " end is in no latency"
        )
    if outcome.late_ms_max > LATE_MS_MAX:
        yield (
            f"the generator was up to {outcome.late_ms_max:.0f} ms behind its own schedule, which"
            " latencies leave out"
        )
    if outcome.short:
        yield f"all was done after {outcome.window_s:.2f} s: more --pods make it longer"
    for name in ("generator", "watchers"):
        busy = cores(outcome, name)
        if busy is not None and busy > GENERATOR_CORES_MAX:
            which = "" if name == "generator" else f" ({name})"
            yield f"{GENERATOR_BOUND}{which}: {busy:.2f} of one core"


def count_mismatches(counted: Mapping[str, tuple[int, int]], *, alone: bool) -> Iterator[str]:
    """Compare the generator's counts with the server's own (``alone``: nobody else asks it)."""
    for sort, (ours, theirs) in sorted(counted.items()):
        if theirs < ours or (alone and theirs != ours):
            yield f"counts differ: {sort}: the generator {ours}, the server {theirs}"
