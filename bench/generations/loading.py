"""Loading a server: values that carry their stamp, writes by a schedule, callers in a loop."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections.abc import Awaitable, Callable, Iterable
from string import ascii_letters, digits
from typing import Final

from bench.generations.clients.interface import Client, Value
from bench.storebench.timer import KernelTimer
from storage.clock import Clock

STAMP_DIGITS: Final = 19
ALPHABET: Final = ascii_letters + digits
"""No protocol has to escape any of these: what encodings cost is a row of its own."""
DIRECTORY: Final = "/registry/pods"
"""Where the objects are."""
BESIDE: Final = "/registry/events"
"""Where nobody looks."""
CALLERS: Final = 64
CLIENT_CORES_MAX: Final = 0.9
"""Above it a rate is the client's own limit."""
PROBE_EVERY_NS: Final = 1_000_000
FREE_EVERY: Final = 64


def key_of(number: int, directory: str = DIRECTORY) -> str:
    """Return a key; all are equally long."""
    return f"{directory}/ns-{number % 8}/object-{number:08d}"


class Values:
    """Texts of one length, no two alike; the first digits are the stamp of the write."""

    def __init__(self, length: int, chance: random.Random) -> None:
        tail = "".join(chance.choices(ALPHABET, k=length - STAMP_DIGITS))
        self._tail = tail.encode()

    def at(self, stamp_ns: int) -> bytes:
        """Return the value of a write that was due at ``stamp_ns``."""
        return b"%019d" % stamp_ns + self._tail


def stamp_of(value: Value) -> int:
    """Return the stamp of a value."""
    return int(value[:STAMP_DIGITS])


async def fill(client: Client, keys: Iterable[str], values: Values, clock: Clock) -> int:
    """Write every key once, many at a time; return how many there were."""
    left = iter(keys)
    done = 0

    async def filler() -> None:
        nonlocal done
        for key in left:
            await client.put(key, values.at(clock.stamp_ns()))
            done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(filler())
    return done


class Paced:
    """Writes of a rate: the n-th is due at ``begin + n / rate``, whatever became of the others."""

    def __init__(self, write: Callable[[int], Awaitable[object]], clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self.due = 0
        self.done = 0
        self.begin_ns = 0
        self.end_ns = 0
        self.client_cores = 0.0
        """CPU of this process meanwhile: near 1 the rate is its own limit."""

    @property
    def per_s(self) -> float:
        """Return how many were answered a second, from the first that was due to the last."""
        return self.done * 1e9 / max(self.end_ns - self.begin_ns, 1)

    async def run(self, per_s: float, count: int) -> None:
        """Send them all; return when all are answered."""
        interval_ns = 1e9 / per_s
        used_s = time.process_time()
        line: asyncio.Queue[int] = asyncio.Queue()
        self.begin_ns = self._clock.stamp_ns()

        async def sender() -> None:
            while (due_ns := await line.get()) >= 0:
                await self._write(due_ns)
                self.done += 1

        with KernelTimer() as timer:
            async with asyncio.TaskGroup() as group:
                for _ in range(CALLERS):
                    group.create_task(sender())
                for number in range(count):
                    due_ns = self.begin_ns + int(number * interval_ns)
                    if (wait_ns := due_ns - self._clock.stamp_ns()) > 0:
                        await timer.sleep(wait_ns / 1e9)
                    elif not number % FREE_EVERY:
                        await asyncio.sleep(0)
                    line.put_nowait(due_ns)
                    self.due += 1
                for _ in range(CALLERS):
                    line.put_nowait(-1)
        self.end_ns = self._clock.stamp_ns()
        used_s = time.process_time() - used_s
        self.client_cores = used_s * 1e9 / max(self.end_ns - self.begin_ns, 1)


class Looped:
    """Callers that ask again when they have their answer, for a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.latencies_ns = array("q")
        self.seconds = 0.0
        self.client_cores = 0.0

    async def run(
        self, operation: Callable[[], Awaitable[object]], callers: int, seconds: float
    ) -> None:
        """Ask for so long."""
        stamp = self._clock.stamp_ns
        begin_ns, used_s = stamp(), time.process_time()
        until_ns = begin_ns + int(seconds * 1e9)

        async def caller() -> None:
            while (from_ns := stamp()) < until_ns:
                await operation()
                self.latencies_ns.append(stamp() - from_ns)

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(caller())
        self.seconds = (stamp() - begin_ns) / 1e9
        self.client_cores = (time.process_time() - used_s) / self.seconds


class Prober:
    """Asks for one key every millisecond on a connection of its own: how long the server stalls."""

    def __init__(self, client: Client, key: str, clock: Clock) -> None:
        self._client = client
        self._key = key
        self._clock = clock
        self._stopping = False
        self.latencies_ns = array("q")
        self._late_ns = 0

    @property
    def late_ms_max(self) -> float:
        """Return how late this process itself was at most: so much of a gap may be its own."""
        return self._late_ns / 1e6

    @property
    def gap_ms_max(self) -> float:
        """Return the longest time without an answer."""
        return max(self.latencies_ns, default=0) / 1e6

    def stop(self) -> None:
        """Ask no more."""
        self._stopping = True

    async def run(self) -> None:
        """Ask until ``stop``; a question waits for the answer to the one before."""
        stamp = self._clock.stamp_ns
        with KernelTimer() as timer:
            while not self._stopping:
                from_ns = stamp()
                await self._client.get(self._key)
                took_ns = stamp() - from_ns
                self.latencies_ns.append(took_ns)
                rest_ns = max(PROBE_EVERY_NS - took_ns, 0)
                until_ns = stamp() + rest_ns
                await timer.sleep(rest_ns / 1e9)
                self._late_ns = max(self._late_ns, stamp() - until_ns)


async def beside(prober: Prober, work: Awaitable[object]) -> None:
    """Do some work while the prober asks."""
    async with asyncio.TaskGroup() as group:
        group.create_task(prober.run())
        try:
            await work
        finally:
            prober.stop()
