"""The raw samples beside ``results.json``; the columns are told there."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.measurements.registry import histograms
from bench.observed import Observed
from bench.pod_ways import PodWays
from bench.results import POD_COLUMNS, PROCESS_COLUMNS, REQUEST_COLUMNS, SAMPLES

Row = Sequence[str | int | float]


def write_samples(observed: Observed, directory: Path) -> None:
    """Write all files of ``samples/``."""
    target = directory / SAMPLES
    target.mkdir(parents=True, exist_ok=True)
    _write(target / "pods.csv", POD_COLUMNS, _pods(observed))
    _write(target / "processes.csv", PROCESS_COLUMNS, _processes(observed))
    _write(target / "requests.csv", REQUEST_COLUMNS, _requests(observed))
    if observed.ways is not None:
        columns = ("namespace", "name", "node", *(f"{m}_ms" for m in observed.ways.milestones))
        _write(target / "waterfall.csv", columns, _ways(observed, observed.ways))
    encoded = {name: histogram.encode() for name, histogram in histograms(observed).items()}
    (target / "histograms.json").write_text(json.dumps(encoded, indent=1) + "\n", encoding="utf-8")


def _pods(observed: Observed) -> Iterable[Row]:
    for record in observed.records:
        intended_ns = observed.probes.get(record.uid, 0)
        yield (
            "probe" if intended_ns else "rc",
            record.namespace,
            record.name,
            record.uid,
            record.node,
            _since(observed, intended_ns),
            _since(observed, record.added_ns),
            _since(observed, record.bound_ns),
            _since(observed, observed.reported.get(record.uid, 0)),
            _since(observed, record.running_ns),
            _since(observed, record.deleted_ns),
            record.resource_version,
        )


def _ways(observed: Observed, ways: PodWays) -> Iterable[Row]:
    for key, node, stamps in zip(ways.keys, ways.nodes, ways.stamps.tolist(), strict=True):
        namespace, _, name = key.partition("/")
        yield (namespace, name, node, *(_since(observed, stamp_ns) for stamp_ns in stamps))


def _processes(observed: Observed) -> Iterable[Row]:
    for sample in observed.samples:
        yield (
            _since(observed, sample.stamp_ns),
            sample.process,
            round(sample.usage.cpu_s, 3),
            round(sample.usage.anon_mib, 2),
            round(sample.usage.file_mib, 2),
        )


def _requests(observed: Observed) -> Iterable[Row]:
    for request in observed.requests:
        yield (
            _since(observed, request.due_ns),
            request.call.verb,
            request.call.resource,
            request.call.scope,
            request.code,
            round(request.latency_ns / 1e6, 3),
            round(request.late_ns / 1e6, 3),
        )


def _since(observed: Observed, stamp_ns: int) -> str | float:
    return round((stamp_ns - observed.origin_ns) / 1e6, 3) if stamp_ns else ""


def _write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
