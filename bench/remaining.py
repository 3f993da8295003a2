"""How long a run will still take: by the measured rate of its present phase, and stated guesses.

What is known counts as known: the rate at which pods have come so far, how long the steady phase
lasts, how long phases took that are over. What is not yet known is guessed, and coarsely:

- pods go as fast as they came (until they go);
- the audit of a full cluster takes ``AUDIT_S_A_POD`` for each pod, the one of the empty cluster,
  which reads the Events alone, half of what the first one took;
- the history is judged within ``HISTORY_S_A_POD`` for each pod.

Before the fill has a rate nothing is said at all. All of it is told in whole minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from bench.results import Config

AUDIT_S_A_POD: Final = 0.0005
HISTORY_S_A_POD: Final = 0.0005
STOP_S: Final = 5.0
RATE_SHARE_MIN: Final = 0.02
RATE_S_MIN: Final = 2.0
"""Less of a phase than this, or less time, tells no rate."""

STAGES: Final = ("start", "fill", "steady", "audit", "delete", "audit", "stop", "history")
STAGE_OF: Final = {"churn": "steady", "settle": "steady"}


class Lasted(NamedTuple):
    """A phase that is over."""

    phase: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Present:
    """The phase that goes on."""

    phase: str
    elapsed_s: float
    done: int
    total: int


def remaining_s(config: Config, lasted: Sequence[Lasted], now: Present) -> float | None:
    """Return an estimate for all that remains; None where there is nothing to go by."""
    past: dict[str, float] = {}
    for phase, seconds in lasted:
        past[_stage(phase)] = past.get(_stage(phase), 0.0) + seconds
    stage = _stage(now.phase)
    if stage not in STAGES:
        return None
    at = _index(stage, past)
    left_s = _present_s(config, past, stage, now)
    if left_s is None:
        return None
    if stage == "fill":
        past["fill"] = past.get("fill", 0.0) + now.elapsed_s + left_s
    return left_s + sum(_guess_s(config, past, i) for i in range(at + 1, len(STAGES)))


def told(left_s: float | None) -> str:
    """Return an estimate in words that claim no more than it knows; empty for none."""
    if left_s is None:
        return ""
    if left_s < 45:
        return "less than 1 min left"
    return f"about {round(left_s / 60)} min left"


def _stage(phase: str) -> str:
    return STAGE_OF.get(phase, phase)


def _index(stage: str, past: dict[str, float]) -> int:
    """Return where a stage stands; the second audit comes after a deletion."""
    first = STAGES.index(stage)
    return STAGES.index(stage, first + 1) if stage == "audit" and "delete" in past else first


def _present_s(config: Config, past: dict[str, float], stage: str, now: Present) -> float | None:
    if stage in ("fill", "delete"):
        return _by_rate_s(now) if now.total else None
    if stage == "start":
        return None
    if now.phase == "settle":
        return 0.0
    return max(0.0, _guess_s(config, past, _index(stage, past)) - now.elapsed_s)


def _by_rate_s(now: Present) -> float | None:
    if now.done < RATE_SHARE_MIN * now.total or now.elapsed_s < RATE_S_MIN:
        return None
    return (now.total - now.done) * now.elapsed_s / now.done if now.done else None


def _guess_s(config: Config, past: dict[str, float], index: int) -> float:
    match STAGES[index]:
        case "steady":
            return config.steady_s or config.probes * config.probe_interval_ms / 1000
        case "audit" if index > STAGES.index("delete"):
            return past.get("audit", AUDIT_S_A_POD * config.pods) / 2
        case "audit":
            return AUDIT_S_A_POD * config.pods
        case "delete":
            return past.get("fill", 0.0)
        case "history":
            kept = config.switches.history == "on"
            return HISTORY_S_A_POD * config.pods if kept else 0.0
        case _:
            return STOP_S
