"""The ``--stats`` files of the plane's processes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.observed import ProcessStatistics
from bench.results import UnreadableResultsError, read_json


def read_statistics(directory: Path, names: Iterable[str]) -> dict[str, ProcessStatistics]:
    """Return what the processes wrote; one that wrote nothing readable is left out."""
    found = {}
    for name in names:
        try:
            found[name] = read_json(directory / f"{name}.json", ProcessStatistics)
        except UnreadableResultsError:
            continue
    return found
