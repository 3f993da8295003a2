"""The realism sheet: requests a second by source and sort, beside what a real cluster sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from bench.measurements.real_cluster import (
    ABSENT,
    CONTROLLERS,
    KUBELETS,
    SCHEDULER,
    SORTS,
    WATCHES_A_NODE,
    Pace,
)
from bench.observed import Observed
from bench.realism_results import Realism, RealismRow
from bench.scenarios.stage import Mark
from bench.switches import CONTROL, NODES
from bench.workload import mix

PREFIX: Final = "requests_"
"""Of the clients' own counters: ``requests_put_pods/status``."""
MEASURING: Final = "measuring process"
LEADERS: Final = "leader election"
FILL: Final = "fill"
STEADY: Final = "steady"
EVENTS: Final = "POST or PUT events"
SCHEDULERS_EVENTS: Final = "events_default-scheduler_posted"
NO_ESTIMATE: Final = "no part of a real cluster, but its users make such requests, too"
NOT_KNOWN: Final = "no estimate"

_METHODS: Final = {"create": "POST", "get": "GET", "list": "LIST", "update": "PUT"} | {
    verb: verb.upper() for verb in ("patch", "delete")
}
_MERGED: Final = {
    "nodes/status": "PUT or PATCH nodes/status",
    "pods/status": "PUT or PATCH pods/status",
}

Sort = tuple[str, str]
"""Source, and what: ``PUT leases``."""
Counts = Counter[Sort]


def realism(observed: Observed) -> Realism:
    """Return the realism part of the results; empty where no client told its requests."""
    phases = {name: observed.phase(name) for name in (FILL, STEADY)}
    played = {name: marks for name, marks in phases.items() if marks and _told(*marks)}
    if not played:
        return Realism()
    ours = {name: _counts(observed, *marks) for name, marks in played.items()}
    paces = {name: _pace(observed, name, *marks) for name, marks in played.items()}
    watches = observed_watches(played.get(FILL))
    return Realism(
        rows=list(_rows(ours, paces)),
        watches=watches,
        real_watches=observed.config.nodes * WATCHES_A_NODE,
        absent=list(ABSENT),
    )


def observed_watches(fill: tuple[Mark, Mark] | None) -> int | None:
    """Return how many watches our clients held at the end of the fill."""
    if fill is None:
        return None
    held = [fill[1].counters.get(name, {}).get("informers") for name in (NODES, CONTROL)]
    told = [count for count in held if count is not None]
    return int(sum(told)) + 1 if told else None  # the measuring process's own


def _told(begin: Mark, end: Mark) -> bool:
    return all(name in mark.counters for name in (NODES, CONTROL) for mark in (begin, end))


def _counts(observed: Observed, begin: Mark, end: Mark) -> Counts:
    """Return how many requests of each sort were made between two marks."""
    counts: Counts = Counter()
    for process in (NODES, CONTROL):
        before, after = begin.counters[process], end.counters[process]
        for name, value in after.items():
            if name.startswith(PREFIX):
                verb, _, resource = name.removeprefix(PREFIX).partition("_")
                made = round(value - before.get(name, 0.0))
                counts[_sort(process, verb.upper(), resource)] += made
    posted = [mark.counters[CONTROL].get(SCHEDULERS_EVENTS, 0.0) for mark in (begin, end)]
    counts[SCHEDULER, EVENTS] += round(posted[1] - posted[0])
    counts[CONTROLLERS, EVENTS] -= round(posted[1] - posted[0])
    for request in observed.requests:
        if begin.stamp_ns <= request.sent_ns <= end.stamp_ns:
            call = request.call
            counts[MEASURING, f"{_METHODS.get(call.verb, call.verb)} {call.resource}"] += 1
    return counts


def _sort(process: str, verb: str, resource: str) -> Sort:
    source = KUBELETS if process == NODES else CONTROLLERS
    if resource == "events" and verb in ("POST", "PUT", "PATCH"):
        return source, EVENTS
    if verb == "WATCH":
        return source, "WATCH"
    if process == CONTROL and resource in ("pods/binding", "pods/status"):
        return SCHEDULER, f"{verb} {resource}"
    if process == CONTROL and resource == "leases":
        return LEADERS, f"{verb} {resource}"
    if verb in ("PUT", "PATCH") and resource in _MERGED:
        return source, _MERGED[resource]
    return source, f"{verb} {resource}"


def _pace(observed: Observed, name: str, begin: Mark, end: Mark) -> Pace:
    seconds = (end.stamp_ns - begin.stamp_ns) / 1e9
    counts = _counts(observed, begin, end)
    config = observed.config
    filling = name == FILL
    return Pace(
        nodes=config.nodes,
        present=config.pods / 2 if filling else config.pods,
        started=counts[SCHEDULER, "POST pods/binding"] / seconds,
        ended=counts[KUBELETS, "DELETE pods"] / seconds,
        replicas=counts[CONTROLLERS, "POST pods"] / seconds,
        removed=counts[CONTROLLERS, "DELETE pods"] / seconds,
        seconds=seconds,
        sizes=mix.sizes(config.pods) if filling else (),
        namespaces=len(mix.namespaces(config.nodes)),
    )


def _rows(ours: Mapping[str, Counts], paces: Mapping[str, Pace]) -> Iterator[RealismRow]:
    known = {(sort.source, sort.what): sort for sort in SORTS}
    seen = [sort for counts in ours.values() for sort, count in sorted(counts.items()) if count]
    for source, what in dict.fromkeys([*known, *seen]):
        sort = known.get((source, what))
        estimated = {name: sort.estimate(pace) if sort else None for name, pace in paces.items()}
        made = {name: counts[source, what] / paces[name].seconds for name, counts in ours.items()}
        how = sort.how if sort else NO_ESTIMATE if source == MEASURING else NOT_KNOWN
        yield RealismRow(
            source=source,
            what=what,
            fill_per_s=made.get(FILL),
            steady_per_s=made.get(STEADY),
            real_fill_per_s=estimated.get(FILL),
            real_steady_per_s=estimated.get(STEADY),
            how=how,
        )
