"""Results and observations of a run, made by hand, for tests of what works on them."""

from __future__ import annotations

from dataclasses import replace

from bench.measurements.registry import measure
from bench.observed import Observed
from bench.recording import PodRecord
from bench.requests import Call, Request
from bench.results import (
    SCHEMA_VERSION,
    Config,
    Environment,
    Phase,
    Results,
    Verdict,
)
from bench.sampling import Sample, Usage
from bench.scenarios.stage import Mark, PhaseRecord
from bench.service_levels import service_levels
from bench.statistics_files import ProcessStatistics

MS = 1_000_000
S = 1_000_000_000
ORIGIN = 100 * S
BUCKET = (
    'apiserver_request_duration_seconds_bucket{{verb="POST",resource="pods",subresource="",'
    'scope="resource",le="{le}"}} {count}'
)
ENVIRONMENT = Environment("a cpu", 2, 4096, "Linux 6", "CPython 3.11.7", {"orjson": "3"}, "", 0.5)


def pod(uid: str, stamps_ms: tuple[int, int, int], *, owned: bool = True) -> PodRecord:
    """Return a record with its added, bound and running stamps, in ms after the origin."""
    added, bound, running = (ORIGIN + ms * MS for ms in stamps_ms)
    return PodRecord(
        uid,
        "load-1",
        f"pod-{uid}",
        owned=owned,
        added_ns=added,
        node="hollow-node-0",
        bound_ns=bound,
        running_ns=running,
        deleted_ns=ORIGIN + 9 * S,
        resource_version="7",
    )


def scrape(*counts: int) -> str:
    """Return /metrics with creates of pods: up to 5 ms, up to 25 ms, all."""
    bounds = ("0.005", "0.025", "+Inf")
    lines = [BUCKET.format(le=le, count=n) for le, n in zip(bounds, counts, strict=True)]
    lines += [
        "kubedyno_store_keys 10",
        "kubedyno_store_logical_bytes 9000",
        "apiserver_storage_size_bytes 20000",
    ]
    return "# TYPE apiserver_request_duration_seconds histogram\n" + "\n".join(lines) + "\n"


def mark(at_s: float, cpu_s: float, revision: int, metrics: str, sent: int) -> Mark:
    """Return a mark, its stamp in seconds after the origin."""
    usage = {name: Usage(cpu_s, 20.0, 10.0) for name in ("apiserver", "measuring")}
    counters = {"apiserver": {"watch_events_sent": float(sent)}}
    return Mark(ORIGIN + int(at_s * S), usage, revision, metrics, counters)


def observed() -> Observed:
    """Return a run of three pods of a controller, and one probe."""
    call = Call("create", "pods")
    begin, end = mark(0, 1.0, 10, scrape(0, 0, 0), 100), mark(4, 3.0, 50, scrape(5, 9, 10), 500)
    later, last = (
        mark(8, 3.5, 60, scrape(10, 18, 20), 600),
        mark(9, 4.0, 90, scrape(50, 90, 100), 700),
    )
    return Observed(
        config=Config(nodes=1, pods=3, storage_codec="protobuf", probes=1),
        origin_ns=ORIGIN,
        end_ns=ORIGIN + 10 * S,
        records=[
            pod("a", (10, 20, 50)),
            pod("b", (10, 30, 80)),
            pod("c", (20, 40, 2000)),
            pod("p", (5004, 5006, 5010), owned=False),
        ],
        probes={"p": ORIGIN + 5000 * MS},
        reported={"a": ORIGIN + 45 * MS, "b": ORIGIN + 25 * MS, "p": ORIGIN + 5009 * MS},
        requests=[
            Request(call, ORIGIN, ORIGIN + 2 * MS, ORIGIN + 12 * MS, 201),
            Request(call, ORIGIN, ORIGIN, ORIGIN + 900 * MS, 500),
        ],
        phases=[PhaseRecord("fill", begin, end), PhaseRecord("delete", later, last)],
        samples=[
            Sample(ORIGIN + at * S, "apiserver", Usage(1.0 + at, 20.0 + at, 10.0))
            for at in (1, 2, 9)
        ],
        first_audit_ns=ORIGIN + 7 * S,
        statistics={
            "apiserver": ProcessStatistics(
                {"bytes_received": 1234.0}, {"pauses_ms": [9.5, 1.0]}, {"p99": 3.0, "max": 8.0}
            )
        },
        sizes={"pod.protobuf": 1144.0},
        wire={"measuring.sent": 99},
        hot={},
    )


def results(config: Config | None = None, verdict: Verdict | None = None) -> Results:
    """Return the results of ``observed``, as if a config had given them."""
    measured = measure(observed())
    return Results(
        schema_version=SCHEMA_VERSION,
        run_id="r",
        started="2026-01-01T00:00:00+00:00",
        duration_s=10.0,
        environment=ENVIRONMENT,
        config=config or replace(observed().config),
        verdict=verdict or Verdict(),
        slo=service_levels(measured),
        phases=[Phase("fill", 0.0, 4.0)],
        measurements=measured,
    )
