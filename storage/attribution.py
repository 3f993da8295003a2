"""Where the CPU of a loop's thread goes, by layer: measured on samples, weighted up.

How it works. At most one thing runs on a loop's thread at a time, so a meter holds one *layer* that
is being charged. Code says where it comes to (``if layers.on: layers.enter(Layer.DECODE)``): what
the thread has used since the last border goes to the layer before. Stamps are of the thread's CPU
clock: two busy cores pre-empt each other, and time that others ran is nobody's. Such a stamp is a
system call (0.25 us), so only one request in ``REQUEST_GAP`` is followed, and its sums count that
many times; all others pay a look at ``on`` a border. The gaps are random, so that no periodic load
falls in step with them. What every stamp adds to its own section is calibrated and taken off.

Example, with a gap of 16: a request is picked; ``follow`` steps its coroutine. 3 us after the start
it enters ``decode``: ``authenticate`` gets 16 x 3 us. It awaits its commit in ``store``: the clock
stands for it until it is stepped again, whatever runs meanwhile. Nothing in the request's code has
to know that it may be suspended.

Sections nest (``begin``, ``end``): what is inside is charged to itself, not to what it is in.

Two things are not sampled but read off clocks of the system, exactly: what other threads use
(``whole_thread``), and what the loop's thread spends in the kernel, which is nearly all sending,
receiving and polling (uvloop sends at the end of a turn, where no section is open).
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from enum import StrEnum
from random import Random
from statistics import median
from typing import Final, Generic, NamedTuple, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

REQUEST_GAP: Final = 16
"""One request of so many is followed: ten stamps of 0.5 us are 0.3 us a request, 0.3 % of its
cheapest kind."""
BATCH_GAP: Final = 4
"""Of commits and flushes, which are fewer and differ more in size."""
CALIBRATIONS: Final = 201


class Layer(StrEnum):
    """The layers of an API server's loop. What is none of them is the loop's, and the tasks'."""

    PARSE = "parse"
    """HTTP: from bytes to a request."""
    AUTHENTICATE = "authenticate"
    ROUTE = "route"
    """Finding resource and verb, limits, request metrics."""
    DECODE = "decode"
    """Bodies and cached states into messages."""
    ADMIT = "admit"
    """Defaults, validation, metadata, patches."""
    ENCODE = "encode"
    """Messages into the storage codec, and bytes into answers."""
    STORE = "store"
    """Judging writes, group commit on the loop, key index. The commit thread is not in it."""
    COMMIT = "commit"
    """The backend's part where it runs on the loop (memory)."""
    CACHE = "cache"
    """The watch cache's intake: header, map, ring."""
    READ = "read"
    """Looking up and joining for GET, LIST and a watch's first state."""
    FANOUT = "fanout"
    """Who sees an event, and its frames."""
    SOCKET = "socket"
    """Heads of answers, and handing bytes to transports; the kernel's part is not in it."""


KERNEL: Final = "kernel"
"""The loop's thread in system calls: sockets, polling; pages that are touched first."""


class Outer(NamedTuple):
    """What was being charged when a section began."""

    on: bool
    layer: str
    weight: int


class Gate:
    """Picks one of ``mean``, at random distances."""

    __slots__ = ("_left", "_random", "weight")

    def __init__(self, mean: int, random: Random) -> None:
        self.weight = mean
        self._random = random
        self._left = random.randint(1, 2 * mean - 1)

    def due(self) -> bool:
        """Tell whether this one is picked. Hot: once a request."""
        self._left -= 1
        if self._left:
            return False
        self._left = self._random.randint(1, 2 * self.weight - 1)
        return True


class Closed(Gate):
    """Picks none."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(1, Random(0))

    def due(self) -> bool:
        return False


class Layers:
    """The meter of one thread. Not safe across threads: each has its own, if any."""

    __slots__ = (
        "_cpu_ns",
        "_layer",
        "_over_ns",
        "_since_ns",
        "_threads",
        "_weight",
        "batches",
        "border_ns",
        "on",
        "reads",
        "requests",
        "stamp_ns",
        "stamps",
        "sums_ns",
    )

    def __init__(
        self,
        random: Random | None = None,
        *,
        cpu_ns: Callable[[], int] = time.thread_time_ns,
        gaps: tuple[int, int] = (REQUEST_GAP, BATCH_GAP),
    ) -> None:
        """Make a meter; without a source of chance it is off for good."""
        self.on = False
        """Whether what runs now is being charged: to be asked before ``enter``."""
        self.sums_ns: dict[str, int] = {}
        """By layer, weighted."""
        self.stamps = 0
        """How many were taken."""
        self.stamp_ns = 0
        """What a stamp adds to the section that it ends."""
        self.border_ns = 0
        """What a border costs in all."""
        self._cpu_ns = cpu_ns
        self._layer = ""
        self._since_ns = 0
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
            self.requests, self.reads = Gate(gaps[0], random), Gate(gaps[0], random)
            self.batches = Gate(gaps[1], random)

    def enter(self, layer: str) -> None:
        """Charge the layer so far, go on in another. Only while ``on``."""
        now_ns = self._cpu_ns()
        used_ns = now_ns - self._since_ns - self.stamp_ns
        sums = self.sums_ns
        sums[self._layer] = sums.get(self._layer, 0) + used_ns * self._weight
        self._layer = layer
        self.stamps += 1
        self._since_ns = now_ns

    def begin(self, layer: str, weight: int) -> Outer:
        """Begin a section that counts ``weight`` times; give what is returned to ``end``."""
        outer = Outer(self.on, self._layer, self._weight)
        if self.on:
            self.enter(layer)
        self.on = True
        self._layer, self._weight = layer, weight
        self.stamps += 1
        self._since_ns = self._cpu_ns()
        return outer

    def end(self, outer: Outer) -> str:
        """End a section, go on in the one around it; return the layer that it ended in."""
        last = self._layer
        self.enter(outer.layer)
        self.on, _, self._weight = outer
        return last

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
        return self.stamp_ns > 0

    def whole_thread(self, layer: str) -> None:
        """Charge all that the calling thread uses, until it calls ``thread_over``."""
        if self.enabled:
            self._threads[layer] = time.pthread_getcpuclockid(threading.get_ident())

    def thread_over(self, layer: str) -> None:
        """Take the last reading of the calling thread, which is about to end."""
        if self._threads.pop(layer, None) is not None:
            self._over_ns[layer] = self._over_ns.get(layer, 0) + time.thread_time_ns()

    def seconds(self) -> dict[str, float]:
        """Return CPU seconds by layer. To be called in the thread that is metered."""
        found = {layer: ns / 1e9 for layer, ns in self.sums_ns.items() if layer}
        for layer, ns in self._over_ns.items():
            found[layer] = found.get(layer, 0.0) + ns / 1e9
        for layer, clock in self._threads.items():
            found[layer] = found.get(layer, 0.0) + time.clock_gettime_ns(clock) / 1e9
        found[KERNEL] = resource.getrusage(resource.RUSAGE_THREAD).ru_stime
        return found

    def flat(self) -> dict[str, float]:
        """Return all that there is to tell under the names that ``--stats`` uses."""
        if not self.enabled:
            return {}
        told = {f"cpu_layer_{layer}_s": s for layer, s in sorted(self.seconds().items())}
        told["cpu_process_s"] = time.process_time()
        told["cpu_attribution_s"] = self.stamps * self.border_ns / 1e9
        told["cpu_attribution_stamps"] = self.stamps
        return told

    def _calibrate(self) -> None:
        """Learn what stamps cost, in this process and on this machine."""
        outer = self.begin("calibration", 1)
        found, began_ns = [], self._cpu_ns()
        for _ in range(CALIBRATIONS):
            before_ns = self._since_ns
            self.enter("calibration")
            found.append(self._since_ns - before_ns)
        self.border_ns = (self._cpu_ns() - began_ns) // CALIBRATIONS
        self.stamp_ns = int(median(found))
        self.end(outer)
        self.sums_ns.clear()
        self.stamps = 0


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
                layer = layers.end(outer)
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
