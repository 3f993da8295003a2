"""The raw samples of a run: a row a pod, a row a second and process."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from reports.errors import ReportError
from reports.reading import number, read_rows


class PodSample(NamedTuple):
    """When a pod's steps were seen, in milliseconds since the run's origin; None: never."""

    source: str
    """``rc``: made by a replication controller; ``probe``: made by the measuring process."""
    intended_ms: float | None
    added_ms: float | None
    bound_ms: float | None
    reported_ms: float | None
    """When its kubelet sent that it runs; all others are receipts of the measuring process."""
    running_ms: float | None
    deleted_ms: float | None


class ProcessSample(NamedTuple):
    """What a process had used at one moment; ``cpu_s`` is cumulative."""

    t_ms: float
    process: str
    cpu_s: float
    anon_mib: float | None
    file_mib: float | None


def read_pods(path: Path) -> list[PodSample]:
    """Read ``samples/pods.csv``; an absent file is an empty list. Raises ReportError."""
    steps = ("intended_ms", "added_ms", "bound_ms", "reported_ms", "running_ms", "deleted_ms")
    return [
        PodSample(row.get("source", ""), *(number(path, line, row, step) for step in steps))
        for line, row in read_rows(path)
    ]


def read_processes(path: Path) -> list[ProcessSample]:
    """Read ``samples/processes.csv``; an absent file is an empty list. Raises ReportError."""
    samples = []
    for line, row in read_rows(path):
        t_ms, cpu_s = (number(path, line, row, column) for column in ("t_ms", "cpu_s"))
        name = row.get("process", "")
        if t_ms is None or cpu_s is None or not name:
            raise ReportError(f"{path}:{line}: t_ms, process and cpu_s must all be there")
        anon, file = (number(path, line, row, column) for column in ("anon_mib", "file_mib"))
        samples.append(ProcessSample(t_ms, name, cpu_s, anon, file))
    return samples
