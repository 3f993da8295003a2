"""The cyclic collector of a process with a big heap: it looks at what is young, and at that only.

A process of a cluster keeps hundreds of thousands of small objects for long, and a full collection
walks them all: 0.24 to 0.92 s for 60,000 pods and their events, while nobody is answered. So what
has survived the middle generation is taken out of the collector's sight (``gc.freeze``), and a
full collection finds nothing to do. Reference counts still free frozen objects. What is lost is
garbage in circles that lived so long before it died; the hot paths make no circles at all, which a
test holds (``tests/cluster/processes/test_collector.py``).
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

# A young threshold of 100,000 brought pauses of 25-35 ms with 60,000 cached objects; the default of
# 700 collects a hundred times a second under load. What the middle generation gathers (first times
# second threshold) is walked at once: with 100,000 it took 34-49 ms while 4000 watches connected.
GC_THRESHOLDS: Final = (3_000, 6, 250)
MIDDLE: Final = 1
SWEEP_S: Final = 0.1
"""At 500 pods a second some ten thousand objects come in that time: some 5 ms to walk."""


@contextmanager
def survivors_kept() -> Iterator[None]:
    """Freeze what is there now, and while entered whatever outlives the middle generation.

    Where the collector is off, only what it would have found is not looked for.
    """
    if gc.isenabled():
        gc.collect()
    gc.freeze()
    thresholds = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.callbacks.append(_freeze)
    try:
        yield
    finally:
        gc.callbacks.remove(_freeze)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _freeze(phase: str, facts: dict[str, int]) -> None:
    # Freezing joins lists, whatever their length. The youngest, made since, go along.
    if phase == "stop" and facts["generation"] == MIDDLE:
        gc.freeze()


class Sweeps:
    """Collects what is young at short intervals, on the running loop, while entered.

    The collector counts what was made less what was freed, old objects included: where new states
    replace old ones it is seldom called, and then walks what has come in many seconds (128 ms in
    the hollow nodes of 60,000 pods).
    """

    def __init__(self, every_s: float = SWEEP_S) -> None:
        self._every_s = every_s
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._arm()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._sweep)

    def _sweep(self) -> None:
        if gc.isenabled():
            gc.collect(MIDDLE)
        self._arm()
