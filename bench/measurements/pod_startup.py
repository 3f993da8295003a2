"""Start-up of pods: transitions of all of them, and of the probes end to end."""

from __future__ import annotations

from bench.measurements.histogram import LatencyHistogram
from bench.observed import Observed
from bench.results import PodStartup

NAMES = (
    "create_to_schedule",
    "schedule_to_run",
    "run_to_watch",
    "schedule_to_watch",
    "pod_startup",
    "watched_startup",
)


def startup_histograms(observed: Observed) -> dict[str, LatencyHistogram]:
    """Return the histograms by name; a pod counts where both of its stamps were taken."""
    made = {name: LatencyHistogram() for name in NAMES}
    for record in observed.records:
        if record.from_list:
            continue
        if record.bound_ns:
            made["create_to_schedule"].record_ns(record.bound_ns - record.added_ns)
        if not record.running_ns:
            continue
        made["watched_startup"].record_ns(record.running_ns - record.added_ns)
        if record.bound_ns:
            made["schedule_to_watch"].record_ns(record.running_ns - record.bound_ns)
        reported_ns = observed.reported.get(record.uid)
        if reported_ns is not None:
            made["run_to_watch"].record_ns(record.running_ns - reported_ns)
            if record.bound_ns:
                made["schedule_to_run"].record_ns(reported_ns - record.bound_ns)
        intended_ns = observed.probes.get(record.uid)
        if intended_ns is not None:
            made["pod_startup"].record_ns(record.running_ns - intended_ns)
    return made


def pod_startup(observed: Observed) -> PodStartup:
    """Return the start-up part of the results."""
    made = startup_histograms(observed)
    return PodStartup(
        create_to_schedule=made["create_to_schedule"].summary(),
        schedule_to_run=made["schedule_to_run"].summary(),
        run_to_watch=made["run_to_watch"].summary(),
        schedule_to_watch=made["schedule_to_watch"].summary(),
        pod_startup=made["pod_startup"].summary(),
        watched_startup=made["watched_startup"].summary(),
    )
