"""Bytes on the wire and at rest."""

from __future__ import annotations

from bench.observed import Observed
from bench.results import Bytes


def byte_counts(observed: Observed) -> Bytes:
    """Return what was counted, by source: the measuring process's own, and every process's."""
    wire = dict(observed.wire)
    for name, statistics in observed.statistics.items():
        for counter, value in statistics.counters.items():
            if "bytes" in counter:
                wire[f"{name}.{counter}"] = int(value)
    return Bytes(wire=wire, per_object=dict(observed.sizes))
