"""The page of one run."""

from __future__ import annotations

from typing import Final

from reports.attribution_section import attribution_section
from reports.claims import API_SLO_MS, STARTUP_SLO_MS
from reports.environment_facts import environment_facts, load_facts, load_title, shown_command
from reports.etcd_fault_section import etcd_fault_section
from reports.figures.registry import RUN_FIGURES
from reports.files import draw_figures
from reports.history_section import history_section
from reports.html import (
    Markup,
    Tile,
    banner,
    bullets,
    element,
    facts,
    join,
    missing,
    page,
    section,
    table,
    tiles,
)
from reports.latency import Latency
from reports.limits import LIMITS
from reports.load_section import load_section
from reports.model import Results, Run, process_order
from reports.realism_section import realism_section
from reports.reproduce import run_command
from reports.steady_section import steady_section
from reports.store_section import described, store_section
from reports.waterfall_section import waterfall_section
from reports.wording import (
    NOT_MEASURED,
    counted,
    duration_ms,
    plain,
    process_title,
    round_ms,
    size,
    whole,
    with_unit,
)

_SLO_TITLES: Final = {
    "pod_startup_p99": "Pod start-up, p99 (probes)",
    "mutating_p99": "Writing calls, p99 of the worst sort",
    "resource_read_p99": "Reading one object, p99 of the worst sort",
    "cluster_list_p99": "Listing over the cluster, p99",
}
_API_LEVELS: Final = ("mutating_p99", "resource_read_p99")


def run_page(run: Run) -> str:
    """Draw a run's figures and return its page."""
    results = run.results
    figures = draw_figures(run.directory, RUN_FIGURES, run)
    return page(
        f"{load_title(results.config)}: {results.config.codec} over {results.config.store}",
        _subtitle(results),
        (
            banner(results.verdict),
            tiles(_tiles(run)),
            section("What happened", figures),
            section("Service levels", _service_levels(results)),
            section("Pod start-up, step by step", _startup(results)),
            _steady(results),
            section("The way of a pod", waterfall_section(results.measurements.waterfall)),
            section("Where the CPU goes", attribution_section(results.measurements.layers)),
            section("API calls", _api_calls(results)),
            section("Processes", _processes(results)),
            section("What the numbers rest on", load_section(results.measurements.load)),
            _history(results),
            _store(results),
            _faults(results),
            section("Bytes", _bytes(results)),
            section("Counters", _counters(results)) if results.measurements.counters else "",
            section("Most expensive functions", _hot(results)) if results.measurements.hot else "",
            section("What was run, and on what", _facts(results)),
            section("How to reproduce it", shown_command(run_command(results.config))),
            _realism(results),
            section("What is not in these numbers", bullets(LIMITS)),
        ),
    )


def _realism(results: Results) -> Markup:
    realism = results.measurements.realism
    return section("Beside a real cluster", realism_section(realism)) if realism.rows else join(())


def _faults(results: Results) -> Markup | str:
    found = results.measurements.etcd_faults
    return section("Faults in etcd", etcd_fault_section(found)) if found else ""


def _store(results: Results) -> Markup | str:
    store = results.measurements.store
    return section("The store", store_section(store)) if store.kind else ""


def _history(results: Results) -> Markup | str:
    history = results.history
    return "" if history is None else section("The history", history_section(history))


def _steady(results: Results) -> Markup | str:
    steady = results.measurements.steady
    return "" if steady is None else section("The steady phase", steady_section(steady))


def _subtitle(results: Results) -> str:
    took = "" if results.duration_s is None else f"took {duration_ms(results.duration_s * 1000)}"
    parts = (results.config.scenario, results.run_id, results.started, took)
    return " · ".join(part for part in parts if part)


def _held_against(value: float | None, target: float) -> bool | None:
    return None if value is None else value <= target


def _tiles(run: Run) -> list[Tile]:
    """Return the numbers that a person wants first."""
    measured = run.results.measurements
    startup = measured.pod_startup.pod_startup
    levels = run.results.slo
    startup_target = levels["pod_startup_p99"].target if "pod_startup_p99" in levels else None
    startup_target = STARTUP_SLO_MS if startup_target is None else startup_target
    calls = [levels[name] for name in _API_LEVELS if name in levels]
    worst = max((level.measured for level in calls if level.measured is not None), default=None)
    api_target = min((level.target for level in calls), default=API_SLO_MS)
    server = measured.server
    memory = server.anon_max_mib if server else None
    return [
        Tile(
            "Pods started",
            with_unit(measured.throughput.pods_per_s, "pods/s"),
            "seen running on a watch",
        ),
        Tile("Start-up p50", with_unit(startup.p50_ms, "ms"), f"{counted(startup.count, 'probe')}"),
        Tile(
            "Start-up p99",
            with_unit(startup.p99_ms, "ms"),
            f"asked: {round_ms(startup_target)}",
            _held_against(startup.p99_ms, startup_target),
        ),
        Tile(
            "API calls p99",
            with_unit(worst, "ms"),
            f"worst sort; asked: {round_ms(api_target)}",
            _held_against(worst, api_target),
        ),
        Tile(
            "API server CPU",
            with_unit(run.server_cpu_ms_per_pod, "ms"),
            "for each pod of the fill",
        ),
        Tile("API server memory", with_unit(memory, "MiB"), "anonymous, at its peak"),
    ]


def _service_levels(results: Results) -> Markup:
    verdicts = {True: "met", False: "missed"}
    return table(
        ("service level", "asked", "measured", ""),
        (
            (
                _SLO_TITLES.get(name, name),
                f"≤ {round_ms(level.target)}" if level.unit == "ms" else plain(level.target),
                with_unit(level.measured, level.unit),
                "" if level.measured is None else verdicts[level.met],
            )
            for name, level in results.slo.items()
        ),
    )


def _latency_cells(found: Latency) -> list[str]:
    return [
        f"{found.count:,}",
        *(with_unit(value, "ms") for value in (found.p50_ms, found.p90_ms, found.p99_ms)),
        with_unit(found.max_ms, "ms"),
    ]


def _startup(results: Results) -> Markup:
    startup = results.measurements.pod_startup
    rows = (
        ("created → scheduled", startup.create_to_schedule),
        ("scheduled → reported running by the kubelet", startup.schedule_to_run),
        ("reported running → seen on the watch", startup.run_to_watch),
        ("scheduled → seen on the watch", startup.schedule_to_watch),
        ("created → running, all pods", startup.watched_startup),
        ("asked for → running, probes alone", startup.pod_startup),
        ("lateness of the load generator", results.measurements.lateness),
    )
    return table(
        ("step", "count", "p50", "p90", "p99", "max"),
        [
            [title, *_latency_cells(found)] if found.count else [title, "0", *[NOT_MEASURED] * 4]
            for title, found in rows
        ],
    )


def _api_calls(results: Results) -> Markup:
    rows = sorted(
        results.measurements.api_latency,
        key=lambda row: (row.source, row.resource, row.subresource, row.verb, row.scope),
    )
    drawn = table(
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
    note = (
        "At the client: exact, from when a call was due to when its answer was read. At the API "
        "server: calls of all clients, interpolated within the buckets of its histogram."
    )
    return join((drawn, element("p", note, style="missing"))) if rows else missing()


def _processes(results: Results) -> Markup:
    found = results.measurements.processes
    return table(
        (
            "process",
            "CPU",
            "CPU in the fill",
            "memory (anon)",
            "mapped files",
            "longest GC pause",
            "loop lag p99",
            "loop lag max",
        ),
        (
            (
                process_title(name),
                with_unit(use.cpu_s, "s"),
                with_unit(use.cpu_fill_s, "s"),
                with_unit(use.anon_max_mib, "MiB"),
                with_unit(use.file_max_mib, "MiB"),
                with_unit(use.gc_max_ms, "ms"),
                with_unit(use.lag_p99_ms, "ms"),
                with_unit(use.lag_max_ms, "ms"),
            )
            for name, use in ((name, found[name]) for name in process_order(found))
        ),
    )


def _bytes(results: Results) -> Markup:
    found = results.measurements.bytes
    return join(
        (
            element("h3", "On the wire, over the whole run"),
            table(("counted at", "bytes"), ((n, size(v)) for n, v in sorted(found.wire.items()))),
            element("h3", "For each object"),
            table(("form", "bytes"), ((n, plain(v)) for n, v in sorted(found.per_object.items()))),
        )
    )


def _counters(results: Results) -> Markup:
    counters = results.measurements.counters
    return table(
        ("process", "counter", "value"),
        (
            (process_title(process), name, whole(value))
            for process in process_order(counters)
            for name, value in sorted(counters[process].items())
        ),
        labels=2,
    )


def _hot(results: Results) -> Markup:
    hot = results.measurements.hot
    return join(
        part
        for process in process_order(hot)
        for part in (element("h3", process_title(process)), bullets(hot[process]))
    )


def _facts(results: Results) -> Markup:
    config = results.config
    asked = [
        ("codec", config.codec),
        ("codec of stored bytes", config.storage_codec),
        ("store", config.store),
        ("what that is", described(results.measurements.store)),
        ("API servers", str(config.apiservers)),
        *load_facts(config),
    ]
    return join((facts(asked), environment_facts(results.environment)))
