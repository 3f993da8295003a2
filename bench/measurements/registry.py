"""All measurements of a run. A new one is a file here beside and a line below."""

from __future__ import annotations

from bench.measurements.api_latency import api_latency, call_histograms
from bench.measurements.byte_counts import byte_counts
from bench.measurements.histogram import LatencyHistogram
from bench.measurements.lateness import lateness
from bench.measurements.layers import layers
from bench.measurements.load import load
from bench.measurements.pod_startup import pod_startup, startup_histograms
from bench.measurements.processes import processes
from bench.measurements.realism import realism
from bench.measurements.steady import steady
from bench.measurements.store_use import store_use
from bench.measurements.throughput import throughput
from bench.measurements.waterfall import waterfall
from bench.observed import Observed
from bench.results import Measurements


def measure(observed: Observed) -> Measurements:
    """Return the measurements part of the results."""
    return Measurements(
        pod_startup=pod_startup(observed),
        api_latency=api_latency(observed),
        throughput=throughput(observed),
        processes=processes(observed),
        bytes=byte_counts(observed),
        layers=layers(observed),
        lateness=lateness(observed),
        counters={name: dict(s.counters) for name, s in observed.statistics.items()},
        hot={name: list(lines) for name, lines in observed.hot.items()},
        load=load(observed),
        steady=steady(observed),
        realism=realism(observed),
        waterfall=waterfall(observed),
        store=store_use(observed),
        etcd_faults=list(observed.etcd_faults),
    )


def histograms(observed: Observed) -> dict[str, LatencyHistogram]:
    """Return every histogram of the run by name, to be merged with those of other rounds."""
    made = {f"startup.{name}": h for name, h in startup_histograms(observed).items()}
    for call, histogram in call_histograms(observed.requests).items():
        made["api." + ".".join(part or "-" for part in call)] = histogram
    return made
