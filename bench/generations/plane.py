"""Row g: a whole cluster on each of the stores, by the machinery of ``kubedyno run``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.comparisons import values_of
from bench.generations.settings import Found, Sizes
from bench.measuring import Listener, Measuring, RunFailedError
from bench.results import Config, Results, Status

KEPT: Final = (
    "pods_per_s",
    "startup_p50_ms",
    "startup_p99_ms",
    "cpu_ms_per_pod",
    "writes_per_s",
    "etcd_cpu_s",
    "apiserver_cpu_s",
    "apiserver_anon_max_mib",
)
PLANES: Final = {
    "plane": ("protobuf", ""),
    "plane-json": ("json", "json_"),
}
"""By station: the codec of every process and of the store, and how its values are called."""
AS_IN_1_2: Final = "plane-json"
"""For etcd 2 alone: with etcd 3 came protobuf."""


class PlaneFailedError(Exception):
    """The run gave nothing that counts; the message is one line."""


def config_of(station: str, subject: str, sizes: Sizes, seed: int) -> Config:
    """Return the run of a cell; subjects are called as their stores are."""
    return Config(
        nodes=sizes.nodes,
        pods=sizes.pods,
        codec=PLANES[station][0],
        store=subject,
        probes=sizes.probes,
        probe_interval_ms=sizes.probe_interval_ms,
        seed=seed,
    )


async def run_plane(
    station: str, config: Config, directory: Path, measuring: Measuring, listener: Listener
) -> Found:
    """Play a run. Raises PlaneFailedError."""
    try:
        results = await measuring.run(config, directory, listener)
    except RunFailedError as error:
        raise PlaneFailedError(" ".join(str(error).split())) from error
    return found_in(results, PLANES[station][1])


def found_in(results: Results, called: str) -> Found:
    """Return what a run measured. Raises PlaneFailedError for one that is void."""
    reasons = "; ".join(results.verdict.reasons)
    if results.verdict.status is Status.VOID:
        raise PlaneFailedError(f"the run is void: {reasons}")
    measured = values_of(results)
    notes = [f"degraded: {reasons}"] if results.verdict.status is Status.DEGRADED else []
    return Found(
        values={f"g_{called}{name}": measured[name] for name in KEPT if name in measured},
        notes=notes,
        took_s=results.duration_s,
    )
