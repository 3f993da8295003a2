"""A process's anonymous memory while something happens, read every five milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.sampling import read_usage

INTERVAL_S: Final = 0.005


class Peak:
    """What was seen; all zero where there is no process to look at."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.before_mib = self.peak_mib = self._read()

    def _read(self) -> float:
        usage = read_usage(self._pid) if self._pid else None
        return usage.anon_mib if usage is not None else 0.0

    @property
    def extra_mib(self) -> float:
        """Return how far the peak was above what there was before."""
        return self.peak_mib - self.before_mib

    @property
    def kept_mib(self) -> float:
        """Return how much more there is now than before."""
        return self._read() - self.before_mib

    async def watch(self) -> None:
        """Look until cancelled."""
        while self._pid:
            self.peak_mib = max(self.peak_mib, self._read())
            await asyncio.sleep(INTERVAL_S)


@contextmanager
def watched(peak: Peak, group: asyncio.TaskGroup) -> Iterator[None]:
    """Look at the memory inside of this."""
    looking = group.create_task(peak.watch())
    try:
        yield
    finally:
        looking.cancel()
