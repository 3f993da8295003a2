"""Latencies of API calls: exact ones at the measuring process, all clients' at the API server."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

from bench.measurements.exposition import bucket_quantile, parse
from bench.measurements.histogram import LatencyHistogram
from bench.observed import Observed
from bench.requests import Call
from bench.results import ApiLatency

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

Key = tuple[str, str, str, str]
"""verb, resource, subresource, scope"""


def call_histograms(observed: Observed) -> dict[Call, LatencyHistogram]:
    """Return the measuring process's calls, by their sort; failed ones do not count."""
    made: defaultdict[Call, LatencyHistogram] = defaultdict(LatencyHistogram)
    for request in observed.requests:
        if not request.failed:
            made[request.call].record_ns(request.latency_ns)
    return dict(made)


def api_latency(observed: Observed) -> list[ApiLatency]:
    """Return the rows of both sources, the client's first."""
    rows = []
    for call, histogram in sorted(call_histograms(observed).items()):
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
    return rows + _server_rows(observed)


def _server_rows(observed: Observed) -> list[ApiLatency]:
    """Return the server's histograms of the phases; audits lie between these and do not count."""
    counted: defaultdict[Key, Counter[float]] = defaultdict(Counter)
    for phase in observed.phases:
        if phase.end is None or not phase.begin.metrics or not phase.end.metrics:
            continue
        for key, buckets in _buckets(phase.end.metrics).items():
            counted[key].update(buckets)
        for key, buckets in _buckets(phase.begin.metrics).items():
            counted[key].subtract(buckets)
    return [
        _server_row(key, sorted(counted[key].items()))
        for key in sorted(counted)
        if _any(counted[key])
    ]


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
