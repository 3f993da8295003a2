from __future__ import annotations

import asyncio

import pytest

from bench.measurements.histogram import LatencyHistogram
from bench.requests import Call, Request, RequestLog
from cluster.client.interface import ApiError, TransportError
from serialization.api.meta.v1_pb2 import Status
from storage.virtual_time import VirtualClock, run_virtual

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


@pytest.mark.parametrize(
    ("error", "code"),
    [(ApiError(Status(code=409)), 409), (TransportError("gone"), 0), (ValueError(), 0)],
)
def test_a_request_that_failed_is_kept_with_its_code(error: Exception, code: int) -> None:
    log = log_of([])

    async def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        run_virtual(log.time(Call("create", "pods"), fail()))

    assert [request.code for request in log.requests] == [code]
    assert all(request.failed for request in log.requests)


def test_a_request_that_was_taken_back_has_not_failed() -> None:
    log = log_of([])

    async def interrupted() -> None:
        async with asyncio.timeout(1):
            await log.time(Call("create", "pods"), asyncio.sleep(60))

    with pytest.raises(TimeoutError):
        run_virtual(interrupted())

    assert log.requests == []
