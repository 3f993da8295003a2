"""The section of a run's page on what its numbers rest on: the load as it was, and the machine."""

from __future__ import annotations

from reports.html import Markup, element, join, missing, table
from reports.load_model import Load
from reports.model import process_order
from reports.wording import NOT_MEASURED, duration_ms, plain, process_title, with_unit


def load_section(load: Load) -> Markup:
    """Return the tables of what was measured; what was not is named so."""
    return join(
        (
            element("h3", "What was sent on a schedule"),
            _sent(load) if load.sent else missing("nothing had a schedule"),
            element("h3", "Who used the machine, in cores"),
            _machine(load) if load.machine else missing(),
            element("h3", "Standing still"),
            _vitals(load) if load.vitals else missing(),
            _stalls(load),
        )
    )


def _sent(load: Load) -> Markup:
    head = ("what", "phase", "due", "intended", "achieved", "late p50", "p99", "max")
    rows = (
        (
            row.what,
            row.phase,
            f"{row.intended:,}",
            with_unit(row.intended_per_s, "/s"),
            with_unit(row.achieved_per_s, "/s"),
            *(with_unit(ms, "ms") for ms in (row.late.p50_ms, row.late.p99_ms, row.late.max_ms)),
            *(with_unit(ms, "ms") for ms in (row.answered.p50_ms, row.answered.p99_ms)),
        )
        for row in load.sent
    )
    note = (
        "Late: from when it was due to when it was sent. Answered: from when it was due, so that "
        "waiting behind a slow server counts."
    )
    drawn = table((*head, "answered p50", "p99"), rows, labels=2)
    return join((drawn, element("p", note, style="missing")))


def _machine(load: Load) -> Markup:
    drawn = table(
        ("phase", "took", "cores", "busy", "plane", "generator", "others", "stolen"),
        (
            (
                phase,
                with_unit(use.seconds, "s"),
                f"{use.cores}",
                plain(use.busy_cores),
                plain(use.plane_cores),
                plain(use.generator_cores),
                plain(use.others_cores),
                f"{use.stolen_share:.1%}",
            )
            for phase, use in load.machine.items()
        ),
    )
    note = (
        "Plane: API server, controllers and scheduler. Generator: hollow nodes, the measuring "
        "process and the command that draws progress. Others: every other process, and what the "
        "kernel did for nobody in particular. Stolen: what the hypervisor gave to other machines."
    )
    return join((drawn, element("p", note, style="missing")))


def _vitals(load: Load) -> Markup:
    return table(
        (
            "process",
            "collections",
            "share of time",
            "longest in a phase",
            "loop lag p50",
            "p99",
            "longest in a phase",
        ),
        (
            (
                process_title(name),
                f"{found.pauses:,}",
                NOT_MEASURED if found.pause_share is None else f"{found.pause_share:.2%}",
                with_unit(found.pause_max_ms, "ms"),
                with_unit(found.lag_p50_ms, "ms"),
                with_unit(found.lag_p99_ms, "ms"),
                with_unit(found.frozen_max_ms, "ms"),
            )
            for name, found in ((name, load.vitals[name]) for name in process_order(load.vitals))
        ),
    )


def _stalls(load: Load) -> Markup:
    answer = load.answer
    asked = (
        f"The API server was asked /livez five times a second, {answer.count:,} times: "
        f"p50 {with_unit(answer.p50_ms, 'ms')}, p99 {with_unit(answer.p99_ms, 'ms')}, "
        f"longest {with_unit(answer.max_ms, 'ms')}."
    )
    said = element("p", asked if answer.count else "Nobody asked whether the API server answers.")
    if not load.stalls:
        return said
    what = {"answer": "no answer of the API server", "progress": "no event on the watch"}
    rows = (
        (
            what.get(stall.what, stall.what),
            stall.phase,
            duration_ms(stall.begin_s * 1000),
            duration_ms(stall.lasted_s * 1000),
            stall.fault,
        )
        for stall in load.stalls
    )
    return join((said, table(("stall", "phase", "at", "lasted", "fault planted"), rows, labels=2)))
