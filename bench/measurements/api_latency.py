"""Latencies of API calls: exact ones at the measuring process, all clients' at the API server."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from bench.latency import ApiLatency
from bench.measurements.exposition import bucket_quantile, parse
from bench.measurements.histogram import LatencyHistogram
from bench.observed import Observed
from bench.requests import Call, Request
from bench.scenarios.stage import Mark

BUCKET: Final = "apiserver_request_duration_seconds_bucket"
VERBS: Final = {
    "POST": "create",
    "CREATE": "create",
    "GET": "get",
    "LIST": "list",
    "PUT": "update",
    "UPDATE": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
"""Everything else (WATCH, CONNECT) is no call with one answer."""

SINGLE: Final = "resource"
"""The scope of calls on one object."""

Key = tuple[str, str, str, str]
"""verb, resource, subresource, scope"""


Marks = tuple[Mark, Mark]
"""Of a phase: its begin and its end."""


def call_histograms(requests: Iterable[Request]) -> dict[Call, LatencyHistogram]:
    """Return the measuring process's calls, by their sort; failed ones do not count."""
    made: defaultdict[Call, LatencyHistogram] = defaultdict(LatencyHistogram)
    for request in requests:
        if not request.failed:
            made[request.call].record_ns(request.latency_ns)
    return dict(made)


def api_latency(observed: Observed) -> list[ApiLatency]:
    """Return the rows of both sources, the client's first; audits lie between the phases."""
    phases = [(phase.begin, phase.end) for phase in observed.phases if phase.end is not None]
    return client_rows(observed.requests) + server_rows(phases)


def client_rows(requests: Iterable[Request]) -> list[ApiLatency]:
    """Return a row a sort of call of the measuring process: exact."""
    rows = []
    for call, histogram in sorted(call_histograms(requests).items()):
        summary = histogram.summary()
        rows.append(
            ApiLatency(
                verb=call.verb,
                resource=call.resource,
                subresource=call.subresource,
                scope=call.scope,
                source="client",
                count=summary.count,
                p50_ms=summary.p50_ms,
                p90_ms=summary.p90_ms,
                p99_ms=summary.p99_ms,
                max_ms=summary.max_ms,
            )
        )
    return rows


def server_rows(phases: Iterable[Marks]) -> list[ApiLatency]:
    """Return a row a sort of call of all clients, from the differences between marks."""
    counted = _counted(phases)
    return [
        _server_row(key, sorted(counted[key].items()))
        for key in sorted(counted)
        if _any(counted[key])
    ]


def server_quantile_ms(phases: Iterable[Marks], quantile: float) -> float | None:
    """Return a quantile over all calls on one object, of all clients."""
    merged: Counter[float] = Counter()
    for (_, _, _, scope), buckets in _counted(phases).items():
        if scope == SINGLE:
            merged.update(buckets)
    return _milliseconds(bucket_quantile(sorted(merged.items()), quantile))


def _counted(phases: Iterable[Marks]) -> dict[Key, Counter[float]]:
    """Return the server's histograms of the phases, added up; cumulative over their buckets."""
    counted: defaultdict[Key, Counter[float]] = defaultdict(Counter)
    for begin, end in phases:
        if not begin.metrics or not end.metrics:
            continue
        for key, buckets in _buckets(end.metrics).items():
            counted[key].update(buckets)
        for key, buckets in _buckets(begin.metrics).items():
            counted[key].subtract(buckets)
    return counted


def _any(buckets: Mapping[float, float]) -> bool:
    return buckets[max(buckets)] > 0


def _server_row(key: Key, buckets: list[tuple[float, float]]) -> ApiLatency:
    verb, resource, subresource, scope = key
    p50, p90, p99 = (_milliseconds(bucket_quantile(buckets, q)) for q in (0.5, 0.9, 0.99))
    count = int(buckets[-1][1])
    return ApiLatency(
        verb, resource, subresource, scope, "apiserver", count, p50, p90, p99, max_ms=None
    )


def _buckets(text: str) -> dict[Key, dict[float, float]]:
    found: defaultdict[Key, defaultdict[float, float]] = defaultdict(lambda: defaultdict(float))
    for series in parse(text, BUCKET):
        labels = series.labels
        verb = VERBS.get(labels.get("verb", ""))
        if verb is None:
            continue
        key = (
            verb,
            labels.get("resource", ""),
            labels.get("subresource", ""),
            labels.get("scope", ""),
        )
        found[key][float(labels["le"])] += series.value
    return {key: dict(buckets) for key, buckets in found.items()}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
