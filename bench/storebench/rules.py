"""What makes a row worth nothing, and what is to be said beside it. A rule each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bench.apibench.rules import LATE_MS_MAX, RATE_SHARE_MIN
from bench.storebench.settings import Outcome

CLIENT_CORES_MAX: Final = 0.9
"""Of the one core that a loading process can use: above it the rate is the client's own."""
CLIENT_BOUND: Final = "client-bound"
OTHERS_SHARE_MAX: Final = 0.1
"""Of all cores: above it others have slowed down what is measured."""
FAILURES_TOLD: Final = 5


def why_invalid(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Say why a row is worth nothing."""
    failures = sum((Counter(each.failures) for each in outcomes), Counter[str]())
    if failures:
        most = failures.most_common(FAILURES_TOLD)
        yield "failed: " + ", ".join(f"{count} x {what}" for what, count in most)
    if not sum(each.operations for each in outcomes):
        yield "not one operation was done"


def counts_that_differ(
    outcomes: Sequence[Outcome], moved: int | None, *, alone: bool
) -> Iterator[str]:
    """Hold the clients' counts against the store's: ``moved`` is the growth of its revision.

    ``alone``: nobody else writes to it. Every event of every write must reach every watch.
    """
    written = sum(each.writes_total for each in outcomes)
    if moved is not None and (moved < written or (alone and moved != written)):
        yield f"counts differ: {written} writes were answered, the store's revision grew by {moved}"


def events_that_differ(outcomes: Sequence[Outcome], filled: int, watchers: int) -> Iterator[str]:
    """See that every write of the load was told to every watch, once and in the store's order.

    ``filled`` came before. What failed may have been written: then there is no order to hold to.
    """
    expected = (sum(each.writes_total for each in outcomes) - filled) * watchers
    heard = sum(each.heard_total for each in outcomes)
    if heard != expected:
        yield f"events differ: {expected} were due to the watches, {heard} were heard"
        return
    orders = {each.written_order for each in outcomes if each.written_order}
    if len(orders) != 1 or any(each.failures for each in outcomes):
        return
    told = sum((Counter(each.heard_orders) for each in outcomes), Counter[str]())
    if wrong := told.total() - told[orders.pop()]:
        yield f"events differ: {wrong} of {watchers} watches heard others, or in another order"


def notes_on(
    outcomes: Sequence[Outcome], *, rate: float = 0.0, in_process: bool = False
) -> Iterator[str]:
    """Say what to know beside a row; ``rate``: operations a second that were asked for, 0: any."""
    done = sum(each.operations for each in outcomes)
    due = sum(each.due for each in outcomes)
    if rate and done + 1 < RATE_SHARE_MIN * due:
        yield f"rate missed: {done} of {due} that were due were answered in time"
    if undone := sum(each.undone for each in outcomes):
        yield f"{undone} of {due} that were due were not answered soon after, either: in no latency"
    late_ms = max((each.late_ms_max for each in outcomes), default=0.0)
    if late_ms > LATE_MS_MAX:
        yield f"the client was up to {late_ms:.0f} ms behind its own schedule; latencies hold it"
    if in_process:
        return  # client and store are one process: its CPU cannot be told apart
    for number, each in enumerate(outcomes, 1):
        cores = each.cpu_s / each.window_s if each.window_s else 0.0
        if cores >= CLIENT_CORES_MAX:
            which = f" (process {number} of {len(outcomes)})" if len(outcomes) > 1 else ""
            yield f"{CLIENT_BOUND}{which}: {cores:.2f} of one core"


def notes_on_others(values: Mapping[str, float], cores: int) -> Iterator[str]:
    """Say whether processes that have nothing to do with a row had their part in it."""
    others = values.get("others_cores", 0.0)
    if others > OTHERS_SHARE_MAX * cores:
        yield f"others took {others:.2f} of {cores} cores: not to be quoted"
