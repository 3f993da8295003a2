"""What a verdict says that is not the machine's doing: tests run beside other work."""

from __future__ import annotations

from typing import Final

from bench.results import Verdict

MACHINE_RULES: Final = frozenset(
    (
        *("generator-late", "rate-missed", "churn-missed", "heartbeats-late"),
        *("server-stalled", "collector-paused", "loop-lagged", "machine-busy", "machine-stolen"),
    )
)
"""Rules that a busy machine alone can make fire."""


def own_reasons(verdict: Verdict) -> list[str]:
    """Return the reasons of all other rules."""
    told = zip(verdict.rules, verdict.reasons, strict=True)
    return [reason for rule, reason in told if rule not in MACHINE_RULES]
