"""The steady phase: start-up of its probes, latencies of its calls, what the store forgot."""

from __future__ import annotations

from typing import Final

from bench.measurements.api_latency import SINGLE, client_rows, server_quantile_ms, server_rows
from bench.measurements.histogram import LatencyHistogram
from bench.measurements.written import written
from bench.observed import Observed
from bench.requests import Request
from bench.scenarios.stage import Mark
from bench.steady_results import Aim, Compactions, Steady
from bench.switches import APISERVER

STARTUP_AIM_MS: Final = 1_000.0
STARTUP_LEVEL_MS: Final = 5_000.0
CALL_AIM_MS: Final = 100.0
CALL_LEVEL_MS: Final = 1_000.0
COMPACTIONS: Final = "store_compactions"
COMPACTED: Final = "store_compacted_revision"


def steady(observed: Observed) -> Steady | None:
    """Return the part on the steady phase; None where it was not played to its end."""
    marks = observed.phase("steady")
    if marks is None:
        return None
    begin, end = marks
    elapsed_s = (end.stamp_ns - begin.stamp_ns) / 1e9
    requests = [r for r in observed.requests if begin.stamp_ns <= r.due_ns <= end.stamp_ns]
    startup, single = _startup(observed), _single(requests)
    server_p99_ms = server_quantile_ms([marks], 0.99)
    made = sum(count for sort, count in observed.churn.items() if sort != "passed")
    writes = written(begin, end)
    return Steady(
        seconds=elapsed_s,
        changes=dict(observed.churn),
        changes_asked_per_s=observed.config.churn_per_s if observed.config.steady_s else 0.0,
        changes_per_s=made / observed.config.steady_s if observed.config.steady_s else None,
        pod_startup=startup.summary(),
        single_object=single.summary(),
        api_latency=client_rows(requests) + server_rows([marks]),
        aims={
            "pod_startup_p99": _aim(STARTUP_AIM_MS, STARTUP_LEVEL_MS, startup.summary().p99_ms),
            "single_object_client_p99": _aim(CALL_AIM_MS, CALL_LEVEL_MS, single.summary().p99_ms),
            "single_object_server_p99": _aim(CALL_AIM_MS, CALL_LEVEL_MS, server_p99_ms),
        },
        compactions=_compactions(observed, begin, end) if observed.config.steady_s else None,
        writes_per_s=None if writes is None else writes / elapsed_s,
        cpu_cores={
            name: (usage.cpu_s - begin.usage[name].cpu_s) / elapsed_s
            for name, usage in end.usage.items()
            if name in begin.usage
        },
    )


def _startup(observed: Observed) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for record in observed.records:
        due_ns = observed.probes.get(record.uid)
        if due_ns is not None and record.running_ns:
            histogram.record_ns(record.running_ns - due_ns)
    return histogram


def _single(requests: list[Request]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for request in requests:
        if request.call.scope == SINGLE and not request.failed:
            histogram.record_ns(request.latency_ns)
    return histogram


def _aim(aim_ms: float, level_ms: float, measured_ms: float | None) -> Aim:
    met = None if measured_ms is None else measured_ms <= aim_ms
    return Aim(aim_ms, level_ms, measured_ms, met)


def _compactions(observed: Observed, begin: Mark, end: Mark) -> Compactions:
    before, after = begin.counters.get(APISERVER, {}), end.counters.get(APISERVER, {})
    counted = COMPACTIONS in before and COMPACTIONS in after
    old = observed.old_read
    return Compactions(
        asked_every_s=observed.config.compact_every_s,
        in_phase=int(after[COMPACTIONS] - before[COMPACTIONS]) if counted else None,
        revision=int(after[COMPACTED]) if COMPACTED in after else None,
        read_revision=old.revision if old else None,
        read_code=old.code if old else None,
        declared=observed.store.declared.compaction,
        last_revision=end.revision or None,
    )
