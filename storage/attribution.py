"""Where the CPU of a loop's thread goes, by layer: measured on samples, weighted up.

How it works. At most one thing runs on a loop's thread at a time, so a meter charges one *layer* at
a time. Code says where it comes to (``if layers.on: layers.enter(Layer.DECODE)``); only one request
in ``REQUEST_GAP`` is followed, and what it uses counts that many times. All others pay a look at
``on`` at each border. The gaps are random, so that no periodic load falls in step with them.

Borders are stamped with the monotonic clock, which is read without a system call (45 ns, against
250 of the thread's CPU clock, and its cold caches, which charged 2 us to layers that do nothing).
But two busy cores pre-empt each other, and what others ran is nobody's: so the thread's CPU clock
is read at both ends of a stretch, and what the stretch took beyond that is taken off its longest
part. What stamps add to the parts that they end is calibrated and taken off as well.

Example, with a gap of 16: a request is picked; ``follow`` steps its coroutine. 3 us after the start
it enters ``decode``: ``authenticate`` gets 16 x 3 us. It awaits its commit in ``store``: the
stretch ends, and whatever runs meanwhile is not charged to it; stepped again, it goes on in
``store``. Nothing in the request's code has to know that it may be suspended.

Sections nest (``begin``, ``end``): what is inside is charged to itself, not to what it is in.

Not sampled but all charged: what other threads use (``whole_thread``), read off their clocks; the
collector's runs; and what is rare and may cost anything (``whole``).
"""

from __future__ import annotations

import gc
import resource
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from random import Random
from statistics import median
from typing import Final, Generic, NamedTuple, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

REQUEST_GAP: Final = 32
"""One request of so many is followed, which costs 8 to 15 us: 0.3 us of each."""
BATCH_GAP: Final = 16
"""Of commits and flushes, which are fewer and differ more in size."""
REQUEST_BURST: Final = 16
BATCH_BURST: Final = 4
PENDING_MAX: Final = 32
"""Stretches that wait to be shared out: done at each end, it drives what comes next out of the
processor's caches."""
CALIBRATIONS: Final = 201
PREEMPTED_NS: Final = 1_000
"""What a stretch takes beyond its CPU from which on it counts as pre-empted: less is the clocks'
own difference. On a busy machine a tenth of all stretches lose up to 20 us so."""


class Layer:
    """The layers of an API server's loop. What is none of them is the loop's, and the tasks'.

    Plain strings: an Enum's member takes 0.4 us to get at, which would be charged to its layer.
    """

    PARSE: Final = "parse"
    """HTTP: from bytes to a request."""
    AUTHENTICATE: Final = "authenticate"
    ROUTE: Final = "route"
    """Finding resource and verb, limits, request metrics."""
    DECODE: Final = "decode"
    """Bodies and cached states into messages."""
    ADMIT: Final = "admit"
    """Defaults, validation, metadata, patches."""
    ENCODE: Final = "encode"
    """Messages into the storage codec, and bytes into answers."""
    STORE: Final = "store"
    """Judging writes, group commit on the loop, key index. The commit thread is not in it."""
    COMMIT: Final = "commit"
    """The backend's part where it runs on the loop (memory)."""
    CACHE: Final = "cache"
    """The watch cache's intake: header, map, ring."""
    READ: Final = "read"
    """Looking up and joining for GET, LIST and a watch's first state."""
    FANOUT: Final = "fanout"
    """Who sees an event, and its frames."""
    SOCKET: Final = "socket"
    """Heads of answers, and writing to transports: uvloop sends at once, so the kernel, too."""
    COLLECTOR: Final = "collector"
    """Runs of the cyclic garbage collector, wherever they fall."""


class Outer(NamedTuple):
    """What was being charged when a section began."""

    on: bool
    layer: str
    weight: int


class Clocks(NamedTuple):
    """What is read: a monotonic stamp, and the CPU that the calling thread has used; both in ns."""

    stamp_ns: Callable[[], int]
    cpu_ns: Callable[[], int]


SYSTEM_CLOCKS: Final = Clocks(time.perf_counter_ns, time.thread_time_ns)
Part = tuple[str, int, int]
"""A layer, its weight, and nanoseconds: when it was entered, or how long it took."""


class Gate:
    """Picks one of ``mean``, in bursts at random distances."""

    __slots__ = ("_burst", "_random", "_skip", "_taken", "weight")

    def __init__(self, mean: int, random: Random, burst: int) -> None:
        self.weight = mean
        self._random = random
        self._burst = burst
        self._taken = 0
        self._skip = self._gap()

    def due(self) -> bool:
        """Tell whether this one is picked. Hot: once a request."""
        if self._skip:
            self._skip -= 1
            return False
        self._taken += 1
        if self._taken >= self._burst:
            self._taken, self._skip = 0, self._gap()
        return True

    def _gap(self) -> int:
        """Draw how many are passed over before the next burst."""
        return self._random.randint(0, 2 * (self.weight - 1) * self._burst)


class Closed(Gate):
    """Picks none."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(1, Random(0), 1)

    def due(self) -> bool:
        return False


class Layers:
    """The meter of one thread. Not safe across threads: each has its own, if any."""

    __slots__ = (
        "_cpu_ns",
        "_layer",
        "_over_ns",
        "_pending",
        "_stamp_ns",
        "_started_ns",
        "_threads",
        "_trail",
        "_weight",
        "batches",
        "border_ns",
        "borders",
        "on",
        "reads",
        "requests",
        "step_ns",
        "stretch_ns",
        "stretches",
        "sums_ns",
    )

    def __init__(
        self,
        random: Random | None = None,
        *,
        clocks: Clocks = SYSTEM_CLOCKS,
        gaps: tuple[int, int] = (REQUEST_GAP, BATCH_GAP),
    ) -> None:
        """Make a meter; without a source of chance it is off for good."""
        self.on = False
        """Whether what runs now is being charged: to be asked before ``enter``."""
        self.sums_ns: dict[str, int] = {}
        """By layer, weighted."""
        self.borders = 0
        """How many were stamped."""
        self.stretches = 0
        """How many there were from ``begin`` to ``end``, those within others left out."""
        self.border_ns = 0
        """What a border costs, nearly all of it before the next one."""
        self.stretch_ns = 0
        """What a stretch costs beyond its borders."""
        self.step_ns = 0
        """What stepping adds to the last layer of a step of what is followed."""
        self._stamp_ns, self._cpu_ns = clocks
        self._trail: list[Part] = []
        """Of the stretch under way: layers that were entered, with their weights, and when."""
        self._pending: list[tuple[list[Part], int, int]] = []
        """Stretches that have ended, with the CPU that they used."""
        self._started_ns = 0
        self._layer = ""
        self._weight = 1
        self._threads: dict[str, int] = {}
        """Clocks of other threads."""
        self._over_ns: dict[str, int] = {}
        """What threads used that have ended."""
        self.requests: Gate = Closed()
        self.reads: Gate = Closed()
        """Of the sockets: what is parsed is not known as a request yet."""
        self.batches: Gate = Closed()
        if random is not None:
            self._calibrate()
            self.requests = Gate(gaps[0], random, REQUEST_BURST)
            self.reads = Gate(gaps[0], random, REQUEST_BURST)
            self.batches = Gate(gaps[1], random, BATCH_BURST)

    def enter(self, layer: str) -> None:
        """Charge the layer so far no longer, go on in another. Only while ``on``."""
        self._layer = layer
        self._trail.append((layer, self._weight, self._stamp_ns()))

    def begin(self, layer: str, weight: int) -> Outer:
        """Begin a section that counts ``weight`` times; give what is returned to ``end``."""
        outer = Outer(self.on, self._layer, self._weight)
        self._weight = weight
        if not self.on:
            self.on = True
            self._started_ns = self._cpu_ns()
            self.enter("")  # what is cold is warm after it, at nobody's charge
        self.enter(layer)
        return outer

    def end(self, outer: Outer, *, stepped: bool = False) -> str:
        """End a section, go on in the one around it; return the layer that it ended in.

        ``stepped``: what was stepped from within this module has just returned.
        """
        last = self._layer
        self.on, layer, self._weight = outer
        self.enter(layer)
        if not self.on:
            used_ns = self._cpu_ns() - self._started_ns
            pending = self._pending
            pending.append((self._trail, used_ns, self.step_ns if stepped else self.border_ns))
            self._trail = []
            if len(pending) >= PENDING_MAX:
                self._charge_all()
        return last

    def _charge_all(self) -> None:
        for trail, used_ns, last_ns in self._pending:
            self._charge(trail, used_ns, last_ns)
        self._pending.clear()

    def _charge(self, trail: list[Part], used_ns: int, last_ns: int) -> None:
        """Share a stretch out among its layers; ``last_ns`` is its own cost in the last part."""
        self.borders += len(trail)
        self.stretches += 1
        sums = self.sums_ns
        others_ns = trail[-1][2] - trail[0][2] - used_ns
        parts = [
            (layer, weight, after[2] - began_ns)
            for (layer, weight, began_ns), after in pairwise(trail)
        ]
        if others_ns > PREEMPTED_NS:
            parts = _without(parts, others_ns)
        less_ns = [self.border_ns] * (len(parts) - 1) + [last_ns]
        for (layer, weight, took_ns), own_ns in zip(parts, less_ns, strict=True):
            if layer and took_ns > own_ns:
                sums[layer] = sums.get(layer, 0) + (took_ns - own_ns) * weight

    def batch(self, layer: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do some synchronous work, as a section of its own if it is picked."""
        gate = self.batches
        if not gate.due():
            return work(*args, **kwargs)
        outer = self.begin(layer, gate.weight)
        try:
            return work(*args, **kwargs)
        finally:
            self.end(outer)

    def follow(self, awaited: Awaitable[T], layer: str, weight: int) -> Awaitable[T]:
        """Return an awaitable that does the same and charges its steps, not its waits."""
        return _Followed(self, awaited, layer, weight)

    def whole(self, awaited: Awaitable[T], layer: str) -> Awaitable[T]:
        """Follow it in any case, weighted as one: for what is rare and may cost anything."""
        return _Followed(self, awaited, layer, 1) if self.enabled else awaited

    @property
    def enabled(self) -> bool:
        """False for a meter that is off for good."""
        return self.border_ns > 0

    def whole_thread(self, layer: str) -> None:
        """Charge all that the calling thread uses, until it calls ``thread_over``."""
        if self.enabled:
            self._threads[layer] = time.pthread_getcpuclockid(threading.get_ident())

    @contextmanager
    def collector(self) -> Iterator[None]:
        """Charge the collector's runs in this thread, while entered."""
        if not self.enabled:
            yield
            return
        thread, outers = threading.get_ident(), list[Outer]()

        def observe(phase: str, _facts: dict[str, int]) -> None:
            if threading.get_ident() != thread:
                return
            if phase == "start":
                outers.append(self.begin(Layer.COLLECTOR, 1))
            elif outers:
                self.end(outers.pop())

        gc.callbacks.append(observe)
        try:
            yield
        finally:
            gc.callbacks.remove(observe)

    def thread_over(self, layer: str) -> None:
        """Take the last reading of the calling thread, which is about to end."""
        if self._threads.pop(layer, None) is not None:
            self._over_ns[layer] = self._over_ns.get(layer, 0) + time.thread_time_ns()

    def seconds(self) -> dict[str, float]:
        """Return CPU seconds by layer. To be called in the thread that is metered."""
        self._charge_all()
        found = {layer: ns / 1e9 for layer, ns in self.sums_ns.items() if layer}
        for layer, ns in self._over_ns.items():
            found[layer] = found.get(layer, 0.0) + ns / 1e9
        for layer, clock in self._threads.items():
            found[layer] = found.get(layer, 0.0) + time.clock_gettime_ns(clock) / 1e9
        return found

    def flat(self) -> dict[str, float]:
        """Return all that there is to tell under the names that ``--stats`` uses."""
        if not self.enabled:
            return {}
        told = {f"cpu_layer_{layer}_s": s for layer, s in sorted(self.seconds().items())}
        told["cpu_process_s"] = time.process_time()
        told["cpu_loop_kernel_s"] = resource.getrusage(resource.RUSAGE_THREAD).ru_stime
        costs_ns = self.borders * self.border_ns + self.stretches * self.stretch_ns
        told["cpu_attribution_s"] = costs_ns / 1e9
        told["cpu_attribution_borders"] = self.borders
        return told

    def _calibrate(self) -> None:
        """Learn what stamps cost, in this process and on this machine."""
        outer = self.begin("", 1)
        for _ in range(CALIBRATIONS):
            self.enter("")
        stamps = [stamp_ns for _layer, _weight, stamp_ns in self._trail]
        self.end(outer)
        self._charge_all()
        self.border_ns = max(1, int(median(b - a for a, b in pairwise(stamps))))
        self.stretch_ns = max(0, self._median_ns(self._empty_stretch) - 3 * self.border_ns)
        self.step_ns = self._median_ns(self._empty_step)
        self.sums_ns.clear()
        self.borders = self.stretches = 0

    def _median_ns(self, measured: Callable[[], int]) -> int:
        return int(median(measured() for _ in range(CALIBRATIONS)))

    def _empty_stretch(self) -> int:
        began_ns = self._stamp_ns()
        self.end(self.begin("", 1))
        return self._stamp_ns() - began_ns

    def _empty_step(self) -> int:
        """Follow what does nothing; return what that was charged."""
        self.sums_ns.clear()
        with suppress(StopIteration):
            next(iter(self.follow(_nothing(), "step", 1).__await__()))
        self._charge_all()
        return self.sums_ns.get("step", 0)


async def _nothing() -> None:
    """Do nothing."""


def _without(parts: list[Part], others_ns: int) -> list[Part]:
    """Take what others ran during a stretch off its longest part; where it is more, off all."""
    longest = max(range(len(parts)), key=lambda at: parts[at][2])
    layer, weight, took_ns = parts[longest]
    if took_ns >= others_ns:
        parts[longest] = (layer, weight, took_ns - others_ns)
        return parts
    total_ns = sum(part[2] for part in parts)
    kept = max(0.0, 1 - others_ns / total_ns)
    return [(layer, weight, int(took_ns * kept)) for layer, weight, took_ns in parts]


class _Followed(Generic[T]):
    """What is awaited, step by step, with each step charged to layers; awaited once."""

    __slots__ = ("_awaited", "_layer", "_layers", "_weight")

    def __init__(self, layers: Layers, awaited: Awaitable[T], layer: str, weight: int) -> None:
        self._layers = layers
        self._awaited = awaited
        self._layer = layer
        self._weight = weight

    def __await__(self) -> Generator[object, object, T]:
        """Step it; what it waits for is handed on to the loop."""
        steps = self._awaited.__await__()
        layers, layer, weight = self._layers, self._layer, self._weight
        thrown: BaseException | None = None
        while True:
            outer = layers.begin(layer, weight)
            try:
                waiting = steps.send(None) if thrown is None else steps.throw(thrown)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]  # it is untyped, and T
            finally:
                layer = layers.end(outer, stepped=True)
            thrown = None
            try:
                yield waiting
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:  # noqa: BLE001  it is for what is awaited to judge
                thrown = error


OFF: Final = Layers()
"""Charges nobody, and is never changed: for parts that were given no meter."""
