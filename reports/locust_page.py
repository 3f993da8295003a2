"""The page of a locust run."""

from __future__ import annotations

from typing import Final

from reports.environment_facts import environment_facts
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
from reports.locust_model import LoadCall, LocustRun
from reports.wording import counted, duration_ms, plain, size, with_unit

LIMITS: Final = (
    "Users are a closed loop: one waits for an answer before it goes on, so a server that slows "
    "down is asked less. The load test of `kubedyno run` has a pacer that does not wait.",
    "Latencies are those of a Python process on the same machine, which shares its cores with "
    "whatever else runs there; the verdict says when that process was the limit.",
    "A kubelet user runs no container and holds one watch, where a real node holds 18.",
)


def locust_page(run: LocustRun) -> str:
    """Return the page of a run."""
    users = ", ".join(counted(count, name) for name, count in run.users.items())
    failed = [call for call in run.calls if call.errors]
    return page(
        f"locust: {users or 'no users'}, {run.codec}",
        f"{run.run_id} · {run.started} · took {duration_ms(run.duration_s * 1000)}",
        (
            banner(run.verdict),
            tiles(_tiles(run)),
            section("Calls", _calls(run.calls)),
            section("Failures", _failures(failed)) if failed else "",
            section("The generator", _generator(run)),
            section("On what", facts([("server", run.server)]), environment_facts(run.environment)),
            section("What is not in these numbers", bullets(LIMITS)),
        ),
    )


def _tiles(run: LocustRun) -> list[Tile]:
    p99s = [call.p99_ms for call in run.calls if call.p99_ms is not None]
    worst = max(p99s, default=None)
    return [
        Tile("Calls", with_unit(run.calls_per_s, "/s"), "all users"),
        Tile("Failed", f"{run.failure_share:.2%}", "of all calls"),
        Tile("p99", with_unit(worst, "ms"), "of the worst sort of call"),
        Tile("Watch events", f"{run.watch_events:,}", f"{run.watches_torn} watches torn"),
        Tile("Pods run", f"{run.pods_run:,}", "by kubelet users"),
    ]


def _calls(calls: list[LoadCall]) -> Markup:
    return table(
        ("user", "call", "method", "count", "failed", "a second", "p50", "p90", "p99", "max"),
        (
            (
                call.user,
                call.name,
                call.method,
                f"{call.count:,}",
                f"{call.failures:,}",
                plain(call.per_s),
                *(with_unit(each, "ms") for each in (call.p50_ms, call.p90_ms, call.p99_ms)),
                with_unit(call.max_ms, "ms"),
            )
            for call in calls
        ),
        labels=3,
    )


def _failures(calls: list[LoadCall]) -> Markup:
    return table(
        ("user", "call", "what was said", "times"),
        (
            (call.user, call.name, what, f"{count:,}")
            for call in calls
            for what, count in call.errors.items()
        ),
        labels=3,
    )


def _generator(run: LocustRun) -> Markup:
    if not run.generator_cpu_s:
        return missing()
    note = "Latencies are kept in HDR histograms (samples/histograms.json), which can be added up."
    return join(
        (
            facts(
                (
                    ("CPU", f"{run.generator_cpu_s:.1f} s, {run.generator_cores:.2f} cores"),
                    ("resident memory at its peak", size(run.generator_rss_max_mib * 1024 * 1024)),
                )
            ),
            element("p", note, style="missing"),
        )
    )
