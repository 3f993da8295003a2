"""Latencies in mergeable histograms: added up over sources, never averaged."""

from __future__ import annotations

from typing import Self

from hdrh.histogram import HdrHistogram

from bench.latency import Latency

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
"""An hour; what is longer counts as an hour."""
SIGNIFICANT_DIGITS = 3


class LatencyHistogram:
    """A histogram of latencies, kept in microseconds with three significant digits."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS)

    def record_ns(self, latency_ns: int) -> None:
        """Count one latency; what is below a microsecond counts as one."""
        self._histogram.record_value(min(max(latency_ns // 1000, LOWEST_US), HIGHEST_US))

    def record_us(self, latency_us: int, count: int) -> None:
        """Count ``count`` latencies that are alike to the microsecond."""
        within = min(max(latency_us, LOWEST_US), HIGHEST_US)
        self._histogram.record_value(within, count)

    def add(self, other: LatencyHistogram) -> None:
        """Add all that another has counted."""
        self._histogram.add(other._histogram)

    @property
    def count(self) -> int:
        """Return how many latencies it holds."""
        return int(self._histogram.get_total_count())

    def summary(self) -> Latency:
        """Return its percentiles; all null when it is empty."""
        if not self.count:
            return Latency()
        at = self._histogram.get_value_at_percentile
        return Latency(
            count=self.count,
            p50_ms=at(50) / 1000,
            p90_ms=at(90) / 1000,
            p99_ms=at(99) / 1000,
            max_ms=self._histogram.get_max_value() / 1000,
        )

    def encode(self) -> str:
        """Return it as the base64 text that all HDR libraries read."""
        encoded: bytes = self._histogram.encode()
        return encoded.decode("ascii")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the histogram that ``encode`` wrote."""
        made = cls()
        made._histogram.decode_and_add(text.encode("ascii"))
        return made
