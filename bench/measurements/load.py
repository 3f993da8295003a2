"""What was sent when it was due, who used the machine, what stood still: the load's honesty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from bench.apiservers import is_server, is_store
from bench.etcd_faults import fault_at
from bench.latency import Latency
from bench.load_results import HEARTBEATS, Load, MachineUse, Sent, Stall, Vitals
from bench.measurements.histogram import LatencyHistogram
from bench.observed import Observed
from bench.requests import Request
from bench.scenarios.stage import Mark
from bench.statistics_files import ProcessStatistics, Span
from bench.switches import CONTROL, NODES, RUNNING

STALL_NS_MIN: Final = 250_000_000
"""Shorter ones are noise of a machine of two cores that also makes the load."""
STALLS_MAX: Final = 20
BEATS: Final = "heartbeat_beats"

Phase = tuple[str, int, int]
"""A phase: name, begin and end stamp."""


def load(observed: Observed) -> Load:
    """Return the load part of the results."""
    answers = LatencyHistogram()
    spans = list(_spans(observed))
    for beat in observed.beats:
        if beat.answered and _phase_at(spans, beat.sent_ns):
            answers.record_ns(beat.waited_ns)
    return Load(
        sent=[*_scheduled(observed, spans), *_heartbeats(observed)],
        machine=_machine(observed),
        vitals={name: _vitals(found, spans) for name, found in observed.statistics.items()},
        stalls=_stalls(observed, spans),
        answer=answers.summary(),
    )


def _spans(observed: Observed) -> Iterator[Phase]:
    for phase in observed.phases:
        end_ns = phase.end.stamp_ns if phase.end else observed.end_ns
        yield phase.name, phase.begin.stamp_ns, end_ns


def _phase_at(spans: list[Phase], stamp_ns: int) -> str:
    return next((name for name, begin, end in spans if begin <= stamp_ns <= end), "")


def _scheduled(observed: Observed, spans: list[Phase]) -> Iterator[Sent]:
    """Yield the measuring process's own schedules, by phase and sort of call."""
    groups: defaultdict[tuple[str, str], list[Request]] = defaultdict(list)
    for request in observed.requests:
        if request.scheduled:
            phase = _phase_at(spans, request.due_ns)
            groups[phase, f"{request.call.verb} {request.call.resource}"].append(request)
    for (phase, what), requests in groups.items():
        late, answered = LatencyHistogram(), LatencyHistogram()
        for request in requests:
            late.record_ns(request.late_ns)
            if not request.failed:
                answered.record_ns(request.latency_ns)
        first_ns = min(request.due_ns for request in requests)
        intervals = len(requests) - 1
        yield Sent(
            phase=phase,
            what=what,
            intended=len(requests),
            sent=len(requests),
            intended_per_s=_rate(intervals, max(r.due_ns for r in requests) - first_ns),
            achieved_per_s=_rate(intervals, max(r.sent_ns for r in requests) - first_ns),
            late=late.summary(),
            answered=answered.summary(),
        )


def _rate(count: float, elapsed_ns: int) -> float | None:
    return count / (elapsed_ns / 1e9) if count > 0 and elapsed_ns > 0 else None


def _heartbeats(observed: Observed) -> Iterator[Sent]:
    """Yield the nodes' heartbeats over all phases; what a mark's counters lack is not known."""
    marks = [mark for phase in observed.phases for mark in (phase.begin, phase.end) if mark]
    told = [mark for mark in marks if BEATS in mark.counters.get(NODES, {})]
    interval_s = observed.config.heartbeat_s
    if len(told) < 2 or not interval_s:
        return
    first, last = told[0], told[-1]
    elapsed_ns = last.stamp_ns - first.stamp_ns
    beats = last.counters[NODES][BEATS] - first.counters[NODES][BEATS]
    due = observed.config.nodes * elapsed_ns / 1e9 / interval_s
    yield Sent(
        phase="run",
        what=HEARTBEATS,
        intended=int(due),
        sent=int(beats),
        intended_per_s=_rate(due, elapsed_ns),
        achieved_per_s=_rate(beats, elapsed_ns),
        late=Latency(
            count=int(beats),
            p50_ms=last.counters[NODES].get("heartbeat_late_ms_p50"),
            p99_ms=last.counters[NODES].get("heartbeat_late_ms_p99"),
            max_ms=last.counters[NODES].get("heartbeat_late_ms_max"),
        ),
    )


def _machine(observed: Observed) -> dict[str, MachineUse]:
    used = {}
    for phase in observed.phases:
        if phase.end is not None and (use := _machine_use(phase.begin, phase.end)) is not None:
            used[phase.name] = use
    return used


def _machine_use(begin: Mark, end: Mark) -> MachineUse | None:
    if begin.machine is None or end.machine is None:
        return None
    busy, idle, stolen, command = (
        after - before for before, after in zip(begin.machine, end.machine, strict=True)
    )
    total = busy + idle + stolen
    seconds = (end.stamp_ns - begin.stamp_ns) / 1e9
    if total <= 0 or seconds <= 0:
        return None
    cpu_s = {
        name: usage.cpu_s - begin.usage[name].cpu_s
        for name, usage in end.usage.items()
        if name in begin.usage
    }
    plane = sum(seconds for name, seconds in cpu_s.items() if _of_plane(name))
    generator = sum(cpu_s.values()) - plane + command
    return MachineUse(
        seconds=seconds,
        cores=observed_cores(total, seconds),
        busy_cores=busy / seconds,
        stolen_share=stolen / total,
        plane_cores=plane / seconds,
        generator_cores=generator / seconds,
        # Clock ticks are counted process by process: the sum may pass the machine's by a tick each.
        others_cores=max(0.0, busy - plane - generator) / seconds,
    )


def _of_plane(process: str) -> bool:
    """Say whether a process is part of the control plane; the others make its load."""
    return is_server(process) or is_store(process) or process == CONTROL


def observed_cores(total_s: float, seconds: float) -> int:
    """Return how many cores the machine's times are of."""
    return max(1, round(total_s / seconds))


def _vitals(found: ProcessStatistics, spans: list[Phase]) -> Vitals:
    pauses = found.pauses
    lag = found.loop_lag_ms
    return Vitals(
        pauses=int(pauses.runs),
        pause_max_ms=_longest_ms(pauses.longest, spans) or 0.0,
        pause_share=pauses.total_ms / pauses.over_ms if pauses.over_ms else None,
        lag_p50_ms=lag.get("p50"),
        lag_p99_ms=lag.get("p99"),
        lag_max_ms=lag.get("max"),
        frozen_max_ms=_longest_ms(found.lags, spans),
    )


def _longest_ms(found: list[Span], spans: list[Phase]) -> float | None:
    """Return the longest of those that were under way in a phase."""
    within = [
        span.lasted_ns / 1e6
        for span in found
        if any(
            span.begin_ns <= end and begin <= span.begin_ns + span.lasted_ns
            for _, begin, end in spans
        )
    ]
    return max(within, default=None)


def _stalls(observed: Observed, spans: list[Phase]) -> list[Stall]:
    found = [("answer", beat.sent_ns, beat.waited_ns) for beat in observed.beats]
    # Pods that are told to take their time, or to crash, leave gaps that nobody is to blame for.
    gaps = observed.gaps if observed.config.behaviour == RUNNING else ()
    for begin_ns, end_ns in gaps:
        frozen_ns = sum(
            max(0, min(end_ns, freeze.end_ns) - max(begin_ns, freeze.begin_ns))
            for freeze in observed.freezes
        )
        found.append(("progress", begin_ns, end_ns - begin_ns - frozen_ns))
    stalls = [
        Stall(
            phase,
            what,
            (begin_ns - observed.origin_ns) / 1e9,
            lasted_ns / 1e9,
            fault_at(observed.planted, begin_ns, begin_ns + lasted_ns),
        )
        for what, begin_ns, lasted_ns in found
        if lasted_ns >= STALL_NS_MIN and (phase := _phase_at(spans, begin_ns))
    ]
    return sorted(stalls, key=lambda stall: -stall.lasted_s)[:STALLS_MAX]
