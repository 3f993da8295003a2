"""Rules on standing still: of the API server, and of any process of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.results import Status
from bench.verdict.observations import Finding, Observations

STALL_S_MAX: Final = 1.0
"""The level for calls on one object is 1 s (sig-scalability's SLOs): a server that answers nothing
for so long misses it for every call. At 2000 nodes and 60,000 pods on two cores the longest wait
for an answer is a tenth of that."""
STALL_VOID_S: Final = 10.0
"""client-go's leaders give up when they could not renew for 10 s (RenewDeadline): real controllers
would have stopped, and what was measured would be their restart."""
PAUSE_MS_MAX: Final = 100.0
"""Full collections take about 50 ms at 60,000 cached objects; every process stayed below 99 ms in
runs of 2000 nodes and 20,000 pods on a quiet machine."""
PAUSE_VOID_MS: Final = 1000.0
"""A service level's worth of standing still, by one process's own doing."""
LAG_P99_MS_MAX: Final = 50.0
"""Receipts are stamped by a loop, and hollow kubelets act on one: that much every hundredth moment
is late. 4 to 17 ms at 2000 nodes and 60,000 pods on a quiet machine, 34 on a busy one."""
LAG_VOID_MS: Final = 1000.0
FROZEN_MS_MAX: Final = 1000.0
"""A process that stood still for so long, once, is in every latency of that moment."""
FROZEN_VOID_MS: Final = 10_000.0


def server_stalled(seen: Observations) -> Iterator[Finding]:
    """Tell of times in which nothing came of the plane although it was due; the longest of each."""
    told = set()
    for stall in seen.load.stalls:
        sort = (stall.phase, stall.what, stall.fault)
        if stall.lasted_s <= STALL_S_MAX or sort in told:
            continue
        told.add(sort)
        cause = f", by a fault that was planted: {stall.fault}" if stall.fault else ""
        what = {
            "answer": "the API server answered nothing",
            "progress": "no event came on the watch, though pods were due,",
        }[stall.what]
        yield Finding(
            Status.VOID if stall.lasted_s > STALL_VOID_S else Status.DEGRADED,
            f"{what} for {stall.lasted_s:.1f} s in the {stall.phase} phase, "
            f"allowed {STALL_S_MAX:g} s{cause}",
        )


def collector_paused(seen: Observations) -> Iterator[Finding]:
    """Tell of processes whose collector of cycles held them up."""
    for name, vitals in seen.load.vitals.items():
        pause_ms = vitals.pause_max_ms or 0.0
        if pause_ms > PAUSE_MS_MAX:
            yield Finding(
                Status.VOID if pause_ms > PAUSE_VOID_MS else Status.DEGRADED,
                f"{name} paused for {pause_ms:.0f} ms to collect garbage, "
                f"allowed {PAUSE_MS_MAX:.0f} ms",
            )


def loop_lagged(seen: Observations) -> Iterator[Finding]:
    """Tell of processes that did not come to what was due in them."""
    for name, vitals in seen.load.vitals.items():
        p99_ms, frozen_ms = vitals.lag_p99_ms or 0.0, vitals.frozen_max_ms or 0.0
        if p99_ms > LAG_P99_MS_MAX:
            yield Finding(
                Status.VOID if p99_ms > LAG_VOID_MS else Status.DEGRADED,
                f"the loop of {name} lagged: p99 {p99_ms:.0f} ms, allowed {LAG_P99_MS_MAX:.0f} ms",
            )
        if frozen_ms > FROZEN_MS_MAX:
            yield Finding(
                Status.VOID if frozen_ms > FROZEN_VOID_MS else Status.DEGRADED,
                f"{name} stood still for {frozen_ms / 1000:.1f} s, "
                f"allowed {FROZEN_MS_MAX / 1000:g} s",
            )
