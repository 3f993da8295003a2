"""Counting requests, without a server."""

from __future__ import annotations

from typing import Final

from cluster.apiserver.metrics import RequestLabels, RequestMetrics

LABELS: Final = RequestLabels("GET", "", "v1", "pods", "", "resource")


def test_fine_buckets_of_the_latency_are_one_in_the_indicator() -> None:
    metrics = RequestMetrics()
    for duration_s in (0.0001, 0.003, 0.049, 0.07, 90.0):
        metrics.observe(LABELS, 200, duration_s, b"application/json", 10)

    found = {family.name: family.samples for family in metrics.families()}

    def cumulative(name: str, *bounds: str) -> list[float]:
        counts = {sample.labels.get("le"): sample.value for sample in found[name]}
        return [counts[bound] for bound in bounds]

    name = "apiserver_request_duration_seconds"
    assert cumulative(name, "0.0001", "0.003", "0.05", "0.1", "60", "+Inf") == [1, 2, 3, 4, 4, 5]
    name = "apiserver_request_sli_duration_seconds"
    assert cumulative(name, "0.05", "0.1", "60", "+Inf") == [3, 4, 4, 5]
