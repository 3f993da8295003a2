"""What locust's events tell, kept in HDR histograms by sort of call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from bench.load.settings import CallStatistics
from bench.measurements.histogram import LatencyHistogram

ERRORS_MAX: Final = 10
SEPARATOR: Final = ": "
"""Between the user class and the purpose in the names that locust shows."""


@dataclass(slots=True)
class _Calls:
    count: int = 0
    failures: int = 0
    received_bytes: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    histogram: LatencyHistogram = field(default_factory=LatencyHistogram)


class Recorder:
    """Counts calls; locust's own statistics round latencies, these do not."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], _Calls] = {}

    def record(
        self, method: str, name: str, latency_ms: float, size: int, error: BaseException | None
    ) -> None:
        """Count a call; the latency of one that failed says nothing and is not kept."""
        calls = self._calls.get((method, name))
        if calls is None:
            calls = self._calls[method, name] = _Calls()
        calls.count += 1
        calls.received_bytes += size
        if error is None:
            calls.histogram.record_ns(int(latency_ms * 1e6))
        else:
            calls.failures += 1
            calls.errors[str(error)[:200]] += 1

    def statistics(self) -> list[CallStatistics]:
        """Return what was counted, sorted by user class, purpose and method."""
        found = []
        for (method, name), calls in self._calls.items():
            user, _, purpose = name.partition(SEPARATOR)
            found.append(
                CallStatistics(
                    user=user,
                    name=purpose,
                    method=method,
                    count=calls.count,
                    failures=calls.failures,
                    errors=dict(calls.errors.most_common(ERRORS_MAX)),
                    received_bytes=calls.received_bytes,
                    histogram=calls.histogram.encode(),
                )
            )
        return sorted(found, key=lambda each: (each.user, each.name, each.method))
