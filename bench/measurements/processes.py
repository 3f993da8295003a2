"""CPU and memory by process, and how each process says that it fared."""

from __future__ import annotations

from collections import defaultdict

from bench.observed import Observed
from bench.results import ProcessUse
from bench.sampling import Sample, Usage
from bench.scenarios.stage import Mark
from bench.statistics_files import ProcessStatistics


def processes(observed: Observed) -> dict[str, ProcessUse]:
    """Return what each process used between the origin and the end of the last phase."""
    by_name: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in observed.samples:
        if sample.stamp_ns >= observed.origin_ns:
            by_name[sample.process].append(sample)
    marks = [mark for phase in observed.phases for mark in (phase.begin, phase.end) if mark]
    if not marks:
        return {}
    fill = observed.phase("fill")
    first, last = marks[0].usage, marks[-1].usage
    used = {}
    for name, begin in first.items():
        samples = by_name[name]
        end = last.get(name) or (samples[-1].usage if samples else begin)
        peak = [s.usage for s in samples if not 0 < observed.first_audit_ns < s.stamp_ns]
        statistics = observed.statistics.get(name, ProcessStatistics())
        used[name] = ProcessUse(
            cpu_s=end.cpu_s - begin.cpu_s,
            anon_max_mib=max(u.anon_mib for u in [*peak, begin]),
            file_max_mib=max(u.file_mib for u in [*peak, begin]),
            cpu_fill_s=_between(name, *fill) if fill else end.cpu_s - begin.cpu_s,
            gc_max_ms=_longest_pause(statistics),
            lag_p99_ms=statistics.loop_lag_ms.get("p99"),
            lag_max_ms=statistics.loop_lag_ms.get("max"),
        )
    return used


def _between(name: str, begin: Mark, end: Mark) -> float:
    zero = Usage(0.0, 0.0, 0.0)
    return end.usage.get(name, zero).cpu_s - begin.usage.get(name, zero).cpu_s


def _longest_pause(statistics: ProcessStatistics) -> float | None:
    pauses = statistics.gc.get("pauses_ms")
    if not isinstance(pauses, list):
        return None
    return max((float(pause) for pause in pauses), default=0.0)
