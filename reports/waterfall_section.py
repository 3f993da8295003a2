"""The section of a run's page on where the time of pods' starts goes."""

from __future__ import annotations

from reports.html import Markup, element, join, missing, table
from reports.waterfall_model import Waterfall, WaterfallPhase
from reports.waterfall_wording import words_of
from reports.wording import counted, duration_ms, with_unit


def waterfall_section(waterfall: Waterfall) -> Markup:
    """Return a table of stages and one of single pods for each phase, or why there is none."""
    if not waterfall.phases:
        return missing("it is put together from the history (--history on)")
    parts = [part for phase in waterfall.phases for part in _phase(phase)]
    note = (
        "Every stamp is of one monotonic clock, at the process where the step happened; a pod's "
        "stages add up to its total to the nanosecond, and so do the means. Percentiles do not: "
        "they are of each stage by itself."
    )
    left_out = (
        f" {counted(waterfall.incomplete, 'pod')} did not come to the end of their way."
        if waterfall.incomplete
        else ""
    )
    return join((*parts, element("p", note + left_out, style="missing")))


def _phase(phase: WaterfallPhase) -> tuple[Markup, ...]:
    whole = phase.total_mean_ms or 1.0
    rows = [
        (
            words_of(stage.name).title,
            words_of(stage.name).what,
            duration_ms(stage.mean_ms),
            f"{stage.mean_ms / whole:.0%}",
            *_percentiles(stage.latency.p50_ms, stage.latency.p90_ms),
            *_percentiles(stage.latency.p99_ms, stage.latency.max_ms),
        )
        for stage in phase.stages
    ]
    total = phase.total
    rows.append(
        (
            "all",
            "create sent → Running is read by the measuring watch",
            duration_ms(phase.total_mean_ms),
            "100%",
            *_percentiles(total.p50_ms, total.p90_ms),
            *_percentiles(total.p99_ms, total.max_ms),
        )
    )
    head = ("stage", "from the last one", "mean", "share", "p50", "p90", "p99", "max")
    return (
        element("h3", f"{counted(phase.pods, 'pod')} of the {phase.phase} phase"),
        table(head, rows, labels=2),
        _samples(phase),
    )


def _percentiles(*values: float | None) -> tuple[str, ...]:
    return tuple(with_unit(value, "ms") for value in values)


def _samples(phase: WaterfallPhase) -> Markup:
    """Return some pods as they were: a row each."""
    titles = [words_of(stage.name).title for stage in phase.stages]
    return table(
        ("rank", "pod", "node", *titles, "all"),
        (
            (
                f"{way.rank:.1%}",
                f"{way.namespace}/{way.name}",
                way.node,
                *(duration_ms(length_ms) for length_ms in way.stages_ms),
                duration_ms(sum(way.stages_ms)),
            )
            for way in phase.samples
        ),
        labels=3,
    )
