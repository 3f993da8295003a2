"""Reading Prometheus' text format, as far as an API server's /metrics needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

SAMPLE: Final = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Series(NamedTuple):
    """One sample."""

    name: str
    labels: dict[str, str]
    value: float


def parse(text: str, *names: str) -> Iterator[Series]:
    """Yield the samples of these names."""
    for line in text.splitlines():
        if not line.startswith(names):
            continue
        match = SAMPLE.match(line)
        if match and match[1] in names:
            yield Series(match[1], dict(LABEL.findall(match[2] or "")), float(match[3]))


def bucket_quantile(buckets: Sequence[tuple[float, float]], quantile: float) -> float | None:
    """Return a quantile of a cumulative histogram [(upper bound, count)], sorted by bound.

    Interpolates within its bucket, as Prometheus does; a quantile in the last, unbounded bucket is
    that bucket's lower bound. None for an empty histogram.
    """
    if not buckets or buckets[-1][1] <= 0:
        return None
    rank = quantile * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank - below) / max(count - below, 1e-9)
        lower, below = bound, count
    return lower
