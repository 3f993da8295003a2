"""What the clients of a plane noticed of faults in its etcd: from the histories of their writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from bench.etcd_fault_results import EtcdFault
from bench.etcd_faults import Planted
from bench.history.reader import History, UnreadableHistoryError, read_history
from cluster.client.history_format import Kind

UNKNOWN: Final = (0, 504)
"""No answer, and the API server's own word for a write whose answer it has not got."""
REFUSED: Final = 503


def etcd_faults(planted: Sequence[Planted], directory: Path | None, end_ns: int) -> list[EtcdFault]:
    """Return the faults with what the writers noticed; without, where no history was kept."""
    faults = [each.fault for each in planted]
    if not planted or directory is None:
        return faults
    try:
        history = read_history(directory)
    except UnreadableHistoryError:
        return faults
    return effects(planted, history, end_ns)


def effects(planted: Sequence[Planted], history: History, end_ns: int) -> list[EtcdFault]:
    """Add to each fault what was noticed until the next one, or until ``end_ns``."""
    records = np.concatenate([p.of(Kind.WRITE) for p in history.processes.values()])
    ends, codes = records["end_ns"].astype(np.int64), records["code"]
    done = np.sort(ends[(codes >= 200) & (codes < 300)])
    first = planted[0].stamp_ns
    usual = _longest_s(done[done <= first])
    limits = [*(each.stamp_ns for each in planted[1:]), end_ns]
    found = []
    for each, until_ns in zip(planted, limits, strict=True):
        within = (ends >= each.stamp_ns) & (ends < until_ns)
        # The last one before the fault: the standstill begins with it.
        begin = max(int(np.searchsorted(done, each.stamp_ns)) - 1, 0)
        span = done[begin : int(np.searchsorted(done, until_ns))]
        found.append(
            replace(
                each.fault,
                writes_stood_still_s=_longest_s(span),
                usual_gap_s=usual,
                unknown_writes=int((within & np.isin(codes, UNKNOWN)).sum()),
                refused_writes=int((within & (codes == REFUSED)).sum()),
            )
        )
    return found


def _longest_s(stamps: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float | None:
    return float(np.diff(stamps).max()) / 1e9 if len(stamps) > 1 else None
