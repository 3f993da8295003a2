"""The ``--stats`` files of the plane's processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from bench.results import UnreadableResultsError, read_json

POLL_S: Final = 0.005


class Span(NamedTuple):
    """When something began, and how long it took."""

    begin_ns: int
    lasted_ns: int


class Pauses(NamedTuple):
    """Runs of a process's cyclic collector."""

    longest: list[Span]
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
    loop_lag_longest: dict[str, list[float]] = field(default_factory=dict)

    @property
    def lags(self) -> list[Span]:
        """Return the longest lags of its loop."""
        told = self.loop_lag_longest
        return _spans(told.get("began_ns"), told.get("lags_ms"))

    @property
    def pauses(self) -> Pauses:
        """Return what it tells of its collector; nothing where it does not."""
        return Pauses(
            longest=_spans(self.gc.get("began_ns"), self.gc.get("pauses_ms")),
            total_ms=_number(self.gc.get("total_ms")),
            runs=_number(self.gc.get("count")),
            over_ms=_number(self.gc.get("over_ms")),
        )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _spans(stamps_ns: object, lengths_ms: object) -> list[Span]:
    pairs = zip(_numbers(stamps_ns), _numbers(lengths_ms), strict=False)
    return [Span(int(began_ns), int(lasted_ms * 1e6)) for began_ns, lasted_ms in pairs]


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
