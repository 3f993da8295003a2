"""The rule on the history: what the processes did and saw agrees with what the store applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.results import Status
from bench.verdict.observations import Finding, Observations

NAMED: Final = 2
"""Examples of a broken rule that the verdict names; the rest is in ``audit/history.json``."""


def history_broken(seen: Observations) -> Iterator[Finding]:
    """Any violation, and a history that is kept but cannot be judged, makes a run void."""
    report = seen.history
    if report is None:
        if seen.settings.get("history") == "on" and seen.completed and not seen.failure:
            yield Finding(Status.VOID, "the history was kept, but not checked")
        return
    if report.error:
        yield Finding(Status.VOID, f"the history was kept, but not checked: {report.error}")
    for rule, count in report.violations.items():
        examples = "; ".join(report.examples.get(rule, ())[:NAMED])
        yield Finding(Status.VOID, f"history, {rule}: {count:,} broken: {examples}")
