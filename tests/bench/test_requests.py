from __future__ import annotations

import pytest

from bench.measurements.histogram import LatencyHistogram
from bench.requests import Call, Request, RequestLog
from storage.virtual_time import VirtualClock

MS = 1_000_000


def log_of(late_ms: list[int]) -> RequestLog:
    log = RequestLog(VirtualClock())
    call = Call("create", "pods")
    log.requests = [Request(call, 0, late * MS, late * MS, 201) for late in late_ms]
    return log


@pytest.mark.parametrize(
    ("late_ms", "p99_ms"),
    [([5], 5), ([0] * 49 + [2000], 2000), ([0] * 99 + [2000], 0), ([0] * 197 + [7, 8, 9], 7)],
)
def test_p99_of_lateness_is_by_nearest_rank_as_the_report_has_it(
    late_ms: list[int], p99_ms: int
) -> None:
    histogram = LatencyHistogram()
    for late in late_ms:
        histogram.record_ns(late * MS)

    assert log_of(late_ms).late_p99_ms == p99_ms
    assert histogram.summary().p99_ms == pytest.approx(p99_ms, rel=0.01, abs=0.01)


def test_requests_without_a_schedule_are_never_late() -> None:
    log = log_of([1000])
    log.requests = [log.requests[0]._replace(scheduled=False)]

    assert log.late_p99_ms is None
