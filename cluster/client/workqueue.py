"""The rate-limited work queue: keys, each in line once, none worked on twice at once.

What it promises: *fair* (first come, first served), *stingy* (a key added ten times before it is
taken is worked on once), *re-entrant* (a key may be added while it is worked on: it comes again
after ``done``), and nothing is lost. It is bounded by the number of distinct keys, which are names
of objects that exist; values never wait here, so a worker always looks at the newest state.

Worked example, ``a`` and ``b`` being keys::

                          in line   wanted      at work
    add(a); add(b)        a b       {a b}
    add(a)                a b       {a b}                    once is enough
    get() -> a            b         {b}         {a}
    add(a)                b         {b a}       {a}          not in line: it is being worked on
    get() -> b                      {a}         {a b}
    done(a)               a         {a}         {b}          now it is
    done(b)               a         {a}
    shut_down()           a         {a}                      add() does nothing from here on
    get() -> a; done(a)
    get()                                                    raises ShutDownError

``Line``, ``Delays``, ``Backoff`` and ``Bucket`` are pure: time is an argument, and they never look
at a loop. ``RateLimitedQueue`` is the shell that waits and owns the one timer. Numbers are
client-go's (util/workqueue/default_rate_limiters.go).
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, NamedTuple, TypeVar

from cluster.client.interface import ShutDownError

K = TypeVar("K", bound=Hashable)

BACKOFF_BASE_S: Final = 0.005
BACKOFF_MAX_S: Final = 1000.0
EARLY_S: Final = 0.001
"""uvloop rounds timers to whole milliseconds, and may fire half of one too early: it then turns the
rest of the wait into none at all. Waiting that little again and again took 256 turns of the loop
and 0.44 ms of CPU for each key with a fraction of a millisecond in its delay; now it takes 2."""
FUZZ_S: Final = 1e-9
"""Times this close are the same: sums of floats."""
STALE_MAX: Final = 64
"""How many superseded times the heap may hold beyond one per key."""


class RateLimit(NamedTuple):
    """How many retries the whole queue may make."""

    per_s: float
    burst: int


CONTROLLER_RETRIES: Final = RateLimit(10.0, 100)
"""client-go's default for controllers, on top of each key's own back-off."""


class Line(Generic[K]):
    """Who is next: the invariant of the module's first paragraph, and nothing else."""

    def __init__(self) -> None:
        self._order: deque[K] = deque()
        self._wanted: set[K] = set()
        self._at_work: set[K] = set()

    def __len__(self) -> int:
        return len(self._order)

    def add(self, key: K) -> bool:
        """Want a key; return whether that put it in line."""
        if key in self._wanted:
            return False
        self._wanted.add(key)
        if key in self._at_work:
            return False
        self._order.append(key)
        return True

    def take(self) -> K:
        """Return the first in line, which is then at work. The line must not be empty."""
        key = self._order.popleft()
        self._wanted.discard(key)
        assert key not in self._at_work
        self._at_work.add(key)
        return key

    def done(self, key: K) -> bool:
        """End the work on a key; return whether it went back in line."""
        if key not in self._at_work:
            return False
        self._at_work.remove(key)
        if key not in self._wanted:
            return False
        self._order.append(key)
        return True


class Delays(Generic[K]):
    """Keys that are to come later; of several times for one key the earliest holds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._due)

    def put(self, key: K, due: float) -> None:
        """Have a key come at ``due``, unless it comes earlier already."""
        if key not in self._due or due < self._due[key]:
            self._due[key] = due
            self._count += 1  # equal times come in the order in which they were put
            heapq.heappush(self._heap, (due, self._count, key))
            if len(self._heap) > 2 * len(self._due) + STALE_MAX:
                self._heap = [item for item in self._heap if self._due.get(item[2]) == item[0]]
                heapq.heapify(self._heap)

    def next_due(self) -> float | None:
        """Return when the next key is due."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> list[K]:
        """Return the keys that are due, and forget them."""
        keys = []
        while (due := self.next_due()) is not None and due <= now:
            keys.append(heapq.heappop(self._heap)[2])
            del self._due[keys[-1]]
        return keys


class Backoff(Generic[K]):
    """How long a key waits after its n-th failure in a row: base * 2^(n-1), up to a maximum."""

    def __init__(self, base_s: float = BACKOFF_BASE_S, max_s: float = BACKOFF_MAX_S) -> None:
        self._base_s = base_s
        self._max_s = max_s
        self._failures: dict[K, int] = {}

    def next_s(self, key: K) -> float:
        """Count a failure, return the wait in seconds."""
        before = self._failures.get(key, 0)
        self._failures[key] = before + 1
        # 2**64 is past any maximum; the bound keeps the power a small number.
        return min(self._base_s * 2.0 ** min(before, 64), self._max_s)

    def failures(self, key: K) -> int:
        """Return how often the key has failed since it was last forgotten."""
        return self._failures.get(key, 0)

    def forget(self, key: K) -> None:
        """Start again at the base."""
        self._failures.pop(key, None)


class Bucket:
    """A token bucket that may be overdrawn: it says how long the taker of a token has to wait."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._at: float | None = None

    def next_s(self, now: float) -> float:
        """Take a token, return the wait in seconds."""
        if self._at is not None:
            earned = (now - self._at) * self._limit.per_s
            self._tokens = min(self._tokens + earned, float(self._limit.burst))
        self._at = now
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._limit.per_s)


class RateLimitedQueue(Generic[K]):
    """The queue (``interface.WorkQueue``). Belongs to one event loop."""

    def __init__(
        self, *, backoff: Backoff[K] | None = None, retries: RateLimit | None = None
    ) -> None:
        self._line = Line[K]()
        self._delays = Delays[K]()
        self._backoff = backoff or Backoff[K]()
        self._bucket = Bucket(retries) if retries else None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._shut_down = False
        self._running_loop: asyncio.AbstractEventLoop | None = None
        self.adds = 0
        """How often a key was put in line."""
        self.retries = 0
        """How often ``add_rate_limited`` was called."""

    def __len__(self) -> int:
        """Return how many keys are in line now (neither delayed nor at work)."""
        return len(self._line)

    @property
    def delayed(self) -> int:
        """How many keys are to come later."""
        return len(self._delays)

    def add(self, key: K) -> None:
        if not self._shut_down and self._line.add(key):
            self.adds += 1
            self._wake_one()

    def add_after(self, key: K, delay_s: float) -> None:
        if self._shut_down:
            return
        if delay_s <= 0:
            self.add(key)
            return
        self._delays.put(key, self._loop().time() + delay_s)
        self._arm()

    def add_rate_limited(self, key: K) -> None:
        self.retries += 1
        delay_s = self._backoff.next_s(key)
        if self._bucket is not None:
            delay_s = max(delay_s, self._bucket.next_s(self._loop().time()))
        self.add_after(key, delay_s)

    def forget(self, key: K) -> None:
        self._backoff.forget(key)

    def failures(self, key: K) -> int:
        """Return how often the key was added rate-limited since it was last forgotten."""
        return self._backoff.failures(key)

    async def get(self) -> K:
        while not self._line:
            if self._shut_down:
                raise ShutDownError("the queue has been shut down")
            place = self._loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                # Woken and cancelled at once: the key is somebody else's to take.
                if place.done() and not place.cancelled():
                    self._wake_one()
                raise
        return self._line.take()

    def done(self, key: K) -> None:
        if self._line.done(key):
            self.adds += 1
            self._wake_one()

    def shut_down(self) -> None:
        self._shut_down = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            self._wake_one()

    def _loop(self) -> asyncio.AbstractEventLoop:
        """Return the queue's loop; kept, for CPython 3.11 asks the system (getpid) each time."""
        if self._running_loop is None:
            self._running_loop = asyncio.get_running_loop()
        return self._running_loop

    def _wake_one(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return

    def _arm(self, at_least_s: float = 0.0) -> None:
        due = self._delays.next_due()
        if due is None:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        # Kept here: for a moment that has passed, uvloop gives a handle without ``when``.
        self._timer_due = due
        loop = self._loop()
        at = max(due, loop.time() + at_least_s) if at_least_s else due
        self._timer = loop.call_at(at, self._come_due)

    def _come_due(self) -> None:
        self._timer = None
        now = self._loop().time() + FUZZ_S
        for key in self._delays.take(now):
            self.add(key)
        self._arm(at_least_s=EARLY_S if now < self._timer_due else 0.0)
