"""The ``--stats`` files of the plane's processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from bench.results import UnreadableResultsError, read_json

POLL_S: Final = 0.005


class Pauses(NamedTuple):
    """Runs of a process's cyclic collector."""

    biggest: list[tuple[int, int]]
    """(when it began, how long it took), in nanoseconds."""
    total_ms: float
    runs: float
    over_ms: float
    """How long they were counted."""


@dataclass(frozen=True, slots=True)
class ProcessStatistics:
    """What a process wrote to its ``--stats`` file."""

    counters: dict[str, float] = field(default_factory=dict)
    gc: dict[str, object] = field(default_factory=dict)
    loop_lag_ms: dict[str, float] = field(default_factory=dict)

    @property
    def pauses(self) -> Pauses:
        """Return what it tells of its collector; nothing where it does not."""
        lengths, stamps = (_numbers(self.gc.get(key)) for key in ("pauses_ms", "began_ns"))
        return Pauses(
            biggest=[
                (int(began_ns), int(pause_ms * 1e6))
                for began_ns, pause_ms in zip(stamps, lengths, strict=False)
            ],
            total_ms=_number(self.gc.get("total_ms")),
            runs=_number(self.gc.get("count")),
            over_ms=_number(self.gc.get("over_ms")),
        )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _numbers(value: object) -> list[float]:
    return [_number(each) for each in value] if isinstance(value, list) else []


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
