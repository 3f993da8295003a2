"""What the terminal says of the way of pods: a line a phase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.waterfall_results import Waterfall

SAID: Final = {
    "create": "create",
    "to-scheduler": "told",
    "create-to-scheduler": "create",
    "schedule": "scheduling",
    "bind": "bind",
    "to-kubelet": "told",
    "bind-to-kubelet": "bind",
    "start": "kubelet",
    "report": "status",
    "to-watch": "told",
    "report-to-watch": "status",
}


def waterfall_lines(waterfall: Waterfall) -> Iterator[str]:
    """Yield for each phase the mean of each stage in milliseconds; means add up."""
    for phase in waterfall.phases:
        stages = " + ".join(f"{SAID[stage.name]} {stage.mean_ms:.3g}" for stage in phase.stages)
        yield f"{phase.phase}: {stages} = {phase.total_mean_ms:.4g} ms (means)"
