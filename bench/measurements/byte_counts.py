"""Bytes on the wire and at rest."""

from __future__ import annotations

from typing import Final

from bench.apiservers import together
from bench.measurements.exposition import parse
from bench.observed import Observed
from bench.results import Bytes

KEYS: Final = "kubedyno_store_keys"
AT_REST: Final = {
    "store.logical": "kubedyno_store_logical_bytes",
    "store.disk": "apiserver_storage_size_bytes",
}


def byte_counts(observed: Observed) -> Bytes:
    """Return what was counted: by each process on the wire, by the store at the fill's end."""
    wire = dict(observed.wire)
    counters = together({name: told.counters for name, told in observed.statistics.items()})
    for name, counted in counters.items():
        for counter, value in counted.items():
            if "bytes" in counter:
                wire[f"{name}.{counter}"] = int(value)
    return Bytes(wire=wire, per_object={**observed.sizes, **_at_rest(observed)})


def _at_rest(observed: Observed) -> dict[str, float]:
    """Return the store's bytes over its keys; nothing where it does not tell, or has none."""
    fill = observed.phase("fill")
    if fill is None:
        return {}
    gauges = {s.name: s.value for s in parse(fill[1].metrics, KEYS, *AT_REST.values())}
    keys = gauges.get(KEYS, 0.0)
    return {
        name: gauges[metric] / keys
        for name, metric in AT_REST.items()
        if keys and gauges.get(metric, 0.0) > 0
    }
