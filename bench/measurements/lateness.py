"""How late the measuring process sent what was due: the generator's honesty."""

from __future__ import annotations

from bench.latency import Latency
from bench.measurements.histogram import LatencyHistogram
from bench.observed import Observed


def lateness(observed: Observed) -> Latency:
    """Return the distribution of (sent - due) over the requests that had a schedule."""
    histogram = LatencyHistogram()
    for request in observed.requests:
        if request.scheduled:
            histogram.record_ns(request.late_ns)
    return histogram.summary()
