"""Where the CPU goes, by process and layer: what the processes' own meters moved in the phases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bench.layer_results import Attribution, Encodes, LayerCpu, ProcessLayers
from bench.observed import Observed
from bench.scenarios.stage import Mark
from bench.switches import APISERVER

LAYER: Final = "cpu_layer_"
SECONDS: Final = "_s"
PROCESS_CPU: Final = "cpu_process_s"
KERNEL_CPU: Final = "cpu_loop_kernel_s"
OWN_CPU: Final = "cpu_attribution_s"
FRESH: Final = "watchcache_encodes_"
KEPT: Final = "watchcache_encode_hits_"
BODIES: Final = ("requests_POST_", "requests_PUT_", "requests_PATCH_")
READS: Final = ("requests_GET_", "requests_LIST_", "requests_WATCH_")

OPERATIONS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "parse": ("request", ("requests_total",)),
    "authenticate": ("request", ("requests_total",)),
    "route": ("request", ("requests_total",)),
    "socket": ("request", ("requests_total",)),
    "decode": ("body", BODIES),
    "admit": ("body", BODIES),
    "encode": ("request", ("requests_total",)),
    "store": ("version", ("watchcache_events_received",)),
    "commit": ("version", ("watchcache_events_received",)),
    "cache": ("version", ("watchcache_events_received",)),
    "fanout": ("event sent", ("watch_events_sent",)),
    "read": ("read", READS),
}
"""By layer: what it is counted by, and the counters, or beginnings of counters, that tell it."""

Counters = Mapping[str, float]


def layers(observed: Observed) -> Attribution:
    """Return the layers part of the results."""
    fill = observed.phase("fill")
    names = {name for phase in observed.phases for name in phase.begin.counters}
    found = {}
    for name in sorted(names):
        whole = _over_phases(observed, name)
        if PROCESS_CPU in whole and any(key.startswith(LAYER) for key in whole):
            in_fill = None if fill is None else _between(*fill, name)
            found[name] = _process(whole, in_fill or None)
    return Attribution(
        processes=found,
        pods=len([record for record in observed.filled if record.running_ns]),
        encodes=_encodes(_over_phases(observed, APISERVER)),
    )


def _over_phases(observed: Observed, name: str) -> dict[str, float]:
    """Return what a process's counters moved in the phases that were ended, all together."""
    total: dict[str, float] = {}
    for phase in observed.phases:
        if phase.end is not None:
            for counter, moved in _between(phase.begin, phase.end, name).items():
                total[counter] = total.get(counter, 0.0) + moved
    return total


def _between(begin: Mark, end: Mark, name: str) -> dict[str, float]:
    """Return what moved between two marks; nothing where one of them does not tell."""
    before, after = begin.counters.get(name), end.counters.get(name)
    if before is None or after is None:
        return {}
    return {counter: value - before.get(counter, 0.0) for counter, value in after.items()}


def _process(whole: Counters, fill: Counters | None) -> ProcessLayers:
    made = [
        LayerCpu(
            name=name,
            cpu_s=seconds,
            cpu_fill_s=None if fill is None else fill.get(f"{LAYER}{name}{SECONDS}", 0.0),
            operation=OPERATIONS.get(name, ("", ()))[0],
            operations=_counted(whole, name),
        )
        for name, seconds in sorted(_layers(whole).items())
    ]
    cpu_s = whole[PROCESS_CPU]
    cpu_fill_s = None if fill is None else fill.get(PROCESS_CPU)
    return ProcessLayers(
        cpu_s=cpu_s,
        cpu_fill_s=cpu_fill_s,
        layers=made,
        rest_s=cpu_s - sum(layer.cpu_s for layer in made),
        rest_fill_s=(
            None
            if cpu_fill_s is None
            else cpu_fill_s - sum(layer.cpu_fill_s or 0.0 for layer in made)
        ),
        kernel_s=whole.get(KERNEL_CPU, 0.0),
        own_share=whole.get(OWN_CPU, 0.0) / cpu_s if cpu_s else 0.0,
    )


def _layers(counters: Counters) -> dict[str, float]:
    size = len(SECONDS)
    return {
        counter[len(LAYER) : -size]: value
        for counter, value in counters.items()
        if counter.startswith(LAYER)
    }


def _counted(counters: Counters, layer: str) -> int:
    _operation, beginnings = OPERATIONS.get(layer, ("", ()))
    return int(sum(value for name, value in counters.items() if name.startswith(beginnings)))


def _encodes(counters: Counters) -> Encodes | None:
    if "watchcache_expected" not in counters:
        return None
    return Encodes(
        versions=int(counters["watchcache_events_received"]),
        for_store=int(counters["watchcache_expected"]),
        stamped=int(counters.get("watchcache_stamped", 0.0)),
        fresh=_by_codec(counters, FRESH),
        kept=_by_codec(counters, KEPT),
    )


def _by_codec(counters: Counters, prefix: str) -> dict[str, int]:
    return {
        name[len(prefix) :]: int(value)
        for name, value in sorted(counters.items())
        if name.startswith(prefix) and value
    }
