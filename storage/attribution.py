"""Where the CPU of a loop's thread goes, by layer: a statistical profile that the process keeps.

How it works. While a process uses CPU the kernel sends it a signal every few milliseconds of it
(``ITIMER_PROF``). Its handler sees which Python function was interrupted, walks outwards to the
first one whose file (and name) a table assigns to a *layer*, and charges that layer with the CPU
that the thread has used since the tick before. So each nanosecond is charged once or not at all:
the layers can never be more than the whole. What no layer is charged with is the rest: the event
loop, polling, receiving, tasks.

Example: the tick comes while ``PodStrategy.validate`` runs, called by ``verbs/create.py``, called
by ``app.py``. The table has ``cluster/apiserver/resources/`` as ``admit``: that is 4 ms of it.

Nothing in the code that is measured has to know of it: no hooks, and nothing to pay between ticks.
A share *p* told by *n* ticks has a standard error of ``sqrt(p * (1 - p) / n)``: 10 s of CPU give
2500 ticks, and 10 % come out as 10 +- 0.6.

Why not stamps at borders, which were here before: following one request in 32 made those dearer
(cold code, some 15 % of their cost), and weighted up the layers came to more than the process.

Python runs a handler only between its own instructions. What the loop's C code used until then
would be charged to whatever comes next, which is why a function that has only just been entered,
by the loop itself or from a coroutine, is not charged: without that rule the rest came out as 6 %
where py-spy saw 14 %, with it as 22 % against 20 %. Runs of the cyclic collector are timed, not
sampled; so is what other threads use, which is all that the thread of the loop did not.
"""

from __future__ import annotations

import gc
import inspect
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final, NamedTuple

TICK_S: Final = 0.004
"""Of CPU between ticks; kernels look at most once in a tick of their own, 1 to 10 ms."""
COLLECTOR: Final = "collector"
"""Runs of the cyclic garbage collector in the loop's thread, wherever they fall."""
LOOP: Final = "/asyncio/runners.py"
"""The file of the function from within which the loop calls."""

Places = Mapping[str, str]
"""Layers by place. A place is the end of a file's path (``storage/clock.py``), a folder
(``storage/engine/``), or one function of a file (``storage/clock.py:stamp_ns``). The most exact
place holds; an empty layer sends the search on to the caller."""


class Clocks(NamedTuple):
    """CPU used so far, in ns: by the calling thread, and by the whole process."""

    thread_ns: Callable[[], int]
    process_ns: Callable[[], int]


SYSTEM_CLOCKS: Final = Clocks(time.thread_time_ns, time.process_time_ns)


class Layers:
    """The meter of the thread it is made in, which must be the main one to be ``running``."""

    def __init__(
        self, places: Places | None = None, *, threads: str = "", clocks: Clocks = SYSTEM_CLOCKS
    ) -> None:
        """Make a meter; without places it is off for good. ``threads``: the others' layer."""
        self.enabled = places is not None
        self.sums_ns: dict[str, int] = {}
        """By layer; under the empty name what no layer was found for."""
        self.ticks = 0
        self._own_ns = 0
        self._threads = threads
        self._thread_ns, self._process_ns = clocks
        self._exact = {place: layer for place, layer in (places or {}).items() if ":" in place}
        self._files = {place: layer for place, layer in (places or {}).items() if ":" not in place}
        self._found: dict[str, tuple[dict[str, str], str]] = {}
        """By path of a file: layers of its functions, and that of all others."""
        self._charged_ns = self._thread_ns()
        """Up to where the thread's CPU has been charged."""
        self._collecting_ns = 0
        """The thread's CPU when the collector began; 0: it is not running."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Tick while entered, in the main thread."""
        if not self.enabled:
            yield
            return
        thread = threading.get_ident()

        def observe(phase: str, _facts: dict[str, int]) -> None:
            if threading.get_ident() == thread:
                self.collecting(phase == "start")

        self._charged_ns = self._thread_ns()
        before = signal.signal(signal.SIGPROF, self.tick)
        signal.siginterrupt(signal.SIGPROF, False)  # noqa: FBT003  it takes no keywords
        signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)
        gc.callbacks.append(observe)
        try:
            yield
        finally:
            gc.callbacks.remove(observe)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, signal.SIG_IGN if before is signal.SIG_DFL else before)

    def tick(self, _signal: int, frame: FrameType | None) -> None:
        """Charge what was used since the tick before (a signal's handler)."""
        now_ns = self._thread_ns()
        self.ticks += 1
        if self._collecting_ns:
            self._charge_collector(now_ns)
        else:
            layer = self.layer_of(frame)
            self.sums_ns[layer] = self.sums_ns.get(layer, 0) + now_ns - self._charged_ns
            self._charged_ns = now_ns
        ended_ns = self._thread_ns()
        self._own_ns += ended_ns - now_ns
        if not self._collecting_ns:
            self._charged_ns = ended_ns  # its own cost is no layer's

    def collecting(self, begins: bool) -> None:  # noqa: FBT001  it has but this to say
        """Note that the collector begins to run in this thread, or has run."""
        now_ns = self._thread_ns()
        if begins:
            self._collecting_ns = now_ns
        elif self._collecting_ns:
            self._charge_collector(now_ns)
            self._collecting_ns = 0

    def _charge_collector(self, now_ns: int) -> None:
        """Charge what it has used since it began; what was used before still waits for a tick."""
        used_ns = now_ns - self._collecting_ns
        self.sums_ns[COLLECTOR] = self.sums_ns.get(COLLECTOR, 0) + used_ns
        self._charged_ns += used_ns
        self._collecting_ns = now_ns

    def layer_of(self, frame: FrameType | None) -> str:
        """Return the layer of what a frame does; empty: none."""
        if frame is not None and _just_entered(frame):
            return ""
        while frame is not None:
            code = frame.f_code
            functions, layer = self._found.get(code.co_filename) or self._find(code.co_filename)
            layer = functions.get(code.co_name, layer)
            if layer:
                return layer
            frame = frame.f_back
        return ""

    def _find(self, path: str) -> tuple[dict[str, str], str]:
        """Look up what is known of a file, once."""
        path = path.replace("\\", "/")
        functions = {}
        for place, layer in self._exact.items():
            ending, _, function = place.partition(":")
            if path.endswith(f"/{ending}"):
                functions[function] = layer
        fitting = [
            place
            for place in self._files
            if (f"/{place}" in path if place.endswith("/") else path.endswith(f"/{place}"))
        ]
        layer = self._files[max(fitting, key=len)] if fitting else ""
        found = self._found[path] = functions, layer
        return found

    def seconds(self) -> dict[str, float]:
        """Return CPU seconds by layer. To be called in the thread that is metered."""
        found = {layer: ns / 1e9 for layer, ns in self.sums_ns.items() if layer}
        if self._threads:
            # The process is read first: what is used between the readings makes less of it.
            process_ns = self._process_ns()
            others_ns = max(0, process_ns - self._thread_ns())
            found[self._threads] = found.get(self._threads, 0.0) + others_ns / 1e9
        return found

    def flat(self) -> dict[str, float]:
        """Return all that there is to tell under the names that ``--stats`` uses."""
        if not self.enabled:
            return {}
        told = {f"cpu_layer_{layer}_s": s for layer, s in sorted(self.seconds().items())}
        told["cpu_process_s"] = self._process_ns() / 1e9
        told["cpu_loop_kernel_s"] = resource.getrusage(resource.RUSAGE_THREAD).ru_stime
        told["cpu_attribution_s"] = self._own_ns / 1e9
        told["cpu_attribution_ticks"] = self.ticks
        return told


def _just_entered(frame: FrameType) -> bool:
    """Tell whether a function has only just begun that the loop's C code ran before.

    It was called by the loop, or by a coroutine: CPython 3.11 looks for signals at each call, but
    not when a coroutine goes on after an ``await``, so this is where that is noticed.
    """
    caller = frame.f_back
    if caller is None or frame.f_lineno != frame.f_code.co_firstlineno:
        return False
    code = caller.f_code
    return bool(code.co_flags & inspect.CO_COROUTINE) or code.co_filename.endswith(LOOP)


OFF: Final = Layers()
"""Charges nobody, and is never changed: for parts that were given no meter."""
