"""The waterfall part of a run's results, made by hand; means and samples add up."""

from __future__ import annotations

from typing import Any, Final

LENGTHS: Final = {
    "create": 2.5,
    "to-scheduler": 0.75,
    "schedule": 40.0,
    "bind": 2.25,
    "to-kubelet": 1.0,
    "start": 3.5,
    "report": 4.0,
    "to-watch": 1.0,
}


def spread(mean_ms: float) -> dict[str, Any]:
    return {
        "count": 400,
        "p50_ms": mean_ms * 0.8,
        "p90_ms": mean_ms * 2,
        "p99_ms": mean_ms * 4,
        "max_ms": mean_ms * 5,
    }


def way(rank: float, factor: float) -> dict[str, Any]:
    return {
        "rank": rank,
        "namespace": "load-1",
        "name": f"rc-00001-{rank:g}",
        "node": "hollow-node-3",
        "begin_s": rank,
        "stages_ms": [length * factor for length in LENGTHS.values()],
    }


def phase(name: str, pods: int, factor: float) -> dict[str, Any]:
    return {
        "phase": name,
        "pods": pods,
        "stages": [
            {"name": stage, "mean_ms": length * factor, "latency": spread(length * factor)}
            for stage, length in LENGTHS.items()
        ],
        "total": spread(sum(LENGTHS.values()) * factor),
        "total_mean_ms": sum(LENGTHS.values()) * factor,
        "samples": [way(0.0, 0.3 * factor), way(0.5, 0.8 * factor), way(0.99, 4.0 * factor)],
    }


WATERFALL: Final[dict[str, Any]] = {
    "phases": [phase("fill", 400, 1.0), phase("steady", 25, 0.2)],
    "incomplete": 2,
}
