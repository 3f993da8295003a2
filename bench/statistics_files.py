"""The ``--stats`` files of the plane's processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.results import UnreadableResultsError, read_json

POLL_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class ProcessStatistics:
    """What a process wrote to its ``--stats`` file."""

    counters: dict[str, float] = field(default_factory=dict)
    gc: dict[str, object] = field(default_factory=dict)
    loop_lag_ms: dict[str, float] = field(default_factory=dict)


def read_statistics(directory: Path, names: Iterable[str]) -> dict[str, ProcessStatistics]:
    """Return what the processes wrote; one that wrote nothing readable is left out."""
    found = {}
    for name in names:
        try:
            found[name] = read_json(directory / f"{name}.json", ProcessStatistics)
        except UnreadableResultsError:
            continue
    return found


def forget_statistics(directory: Path, names: Iterable[str]) -> None:
    """Remove the files, so that the next ones can be told from them."""
    for name in names:
        (directory / f"{name}.json").unlink(missing_ok=True)


async def await_statistics(
    directory: Path, names: Iterable[str], timeout_s: float
) -> dict[str, ProcessStatistics]:
    """Wait until every process has written its file, or ``timeout_s``; return what there is."""
    paths = [directory / f"{name}.json" for name in names]
    try:
        async with asyncio.timeout(timeout_s):
            while not _all_there(paths):  # noqa: ASYNC110  another process cannot set an Event
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        pass
    return read_statistics(directory, names)


def _all_there(paths: Iterable[Path]) -> bool:
    return all(path.exists() for path in paths)
