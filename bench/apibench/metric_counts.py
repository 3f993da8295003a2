"""What the server itself says that it has answered: its /metrics, by verb and resource."""

from __future__ import annotations

from collections import Counter

from bench.apibench.endpoint import Endpoint, call
from bench.measurements.exposition import parse

REQUESTS = "apiserver_request_total"


async def request_counts(endpoint: Endpoint) -> Counter[str] | None:
    """Return the requests answered so far, by ``<verb> <resource>``; None where it is not told.

    Raises UnreachableError.
    """
    answer = await call(endpoint, endpoint.head("GET", "/metrics", accept="text/plain"))
    if answer.code != 200:
        return None
    return counts_in(answer.body.decode("utf-8", "replace"))


def counts_in(text: str) -> Counter[str]:
    """Read the counts from a server's exposition."""
    found: Counter[str] = Counter()
    for series in parse(text, REQUESTS):
        labels = series.labels
        resource = f"{labels.get('resource', '')}/{labels.get('subresource', '')}".rstrip("/")
        found[f"{labels.get('verb', '')} {resource}"] += round(series.value)
    return found
