"""The section of a run's page on its steady phase: a full cluster with churn."""

from __future__ import annotations

from typing import Final

from reports.html import Markup, element, facts, join, table
from reports.latency import Latency
from reports.model import process_order
from reports.steady_model import Compactions, Steady
from reports.wording import NOT_MEASURED, duration_ms, plain, process_title, round_ms, with_unit

AIMS: Final = {
    "pod_startup_p99": "pod start-up, p99",
    "single_object_client_p99": "calls on one object, p99, at the client",
    "single_object_server_p99": "calls on one object, p99, at the API server",
}
CHANGES: Final = {
    "created": "single pods created",
    "grown": "controllers scaled up by a pod",
    "deleted": "single pods deleted",
    "shrunk": "controllers scaled down by a pod",
    "passed": "turns passed over, since nothing was old enough to go",
}


def steady_section(steady: Steady) -> Markup:
    """Return what was measured while the cluster was full."""
    rows = [("pod start-up (probes)", steady.pod_startup)]
    rows += [("calls on one object, at the client", steady.single_object)]
    return join(
        (
            _aims(steady),
            element("h3", "Latencies, from when something was due"),
            table(
                ("what", "count", "p50", "p90", "p99", "max"),
                ((title, f"{found.count:,}", *_cells(found)) for title, found in rows),
            ),
            element("h3", "What went on"),
            facts(_facts(steady)),
            element("h3", "Calls of this phase"),
            _calls(steady),
        )
    )


def _cells(found: Latency) -> list[str]:
    values = (found.p50_ms, found.p90_ms, found.p99_ms, found.max_ms)
    return [with_unit(value, "ms") for value in values]


def _aims(steady: Steady) -> Markup:
    words = {True: "met", False: "missed", None: ""}
    return table(
        ("aim", "aimed at", "service level", "measured", ""),
        (
            (
                AIMS.get(name, name),
                f"≤ {round_ms(aim.aim_ms)}",
                f"≤ {round_ms(aim.level_ms)}",
                with_unit(aim.measured_ms, "ms"),
                words[aim.met],
            )
            for name, aim in steady.aims.items()
        ),
    )


def _facts(steady: Steady) -> list[tuple[str, str]]:
    told = [("lasted", duration_ms(steady.seconds * 1000))]
    if steady.changes:
        asked = steady.changes_asked_per_s
        per_s = with_unit(steady.changes_per_s, "/s")
        told.append(("changes of pods", f"{per_s}{f' of {asked:g} asked' if asked else ''}"))
    told += [(CHANGES.get(sort, sort), f"{count:,}") for sort, count in steady.changes.items()]
    told.append(("writes", with_unit(steady.writes_per_s, "/s")))
    if steady.compactions is not None:
        told += _compactions(steady.compactions)
    cores = steady.cpu_cores
    told += [(f"cores used: {process_title(n)}", plain(cores[n])) for n in process_order(cores)]
    return told


def _compactions(found: Compactions) -> list[tuple[str, str]]:
    counted = NOT_MEASURED if found.in_phase is None else str(found.in_phase)
    told = [
        ("compactions asked", f"every {found.asked_every_s:g} s" if found.asked_every_s else ""),
        ("compactions that removed revisions", counted),
    ]
    if not found.declared:
        told = [("compaction", "none: the store declares that it has none")]
    if found.read_code is not None:
        said = "410: gone" if found.read_code == 410 else str(found.read_code or "no answer")
        told.append((f"a read as of revision {found.read_revision}, the phase's first", said))
    return told


def _calls(steady: Steady) -> Markup:
    rows = sorted(steady.api_latency, key=lambda r: (r.source, r.resource, r.subresource, r.verb))
    return table(
        ("call", "scope", "measured at", "count", "p50", "p90", "p99", "max"),
        (
            (
                f"{row.verb} {row.resource}{'/' if row.subresource else ''}{row.subresource}",
                row.scope,
                "client" if row.source == "client" else "API server",
                f"{row.count:,}",
                *(with_unit(value, "ms") for value in (row.p50_ms, row.p90_ms, row.p99_ms)),
                "-" if row.max_ms is None else duration_ms(row.max_ms),
            )
            for row in rows
        ),
        labels=3,
    )
