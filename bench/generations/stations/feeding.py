"""Row a: how many events a second one watcher can be fed, and when it falls out of the window."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Final, NamedTuple

from bench.generations.clients.interface import Client, OutOfWindowError, Value
from bench.generations.loading import (
    BESIDE,
    CALLERS,
    CLIENT_CORES_MAX,
    DIRECTORY,
    Paced,
    Values,
    fill,
    key_of,
    stamp_of,
)
from bench.generations.stations.interface import Ground
from bench.measurements.histogram import LatencyHistogram

CLAIMED_PER_S: Final = 500
LAG_S_MAX: Final = 0.25
"""A watcher that is further behind than this, or not there by then, does not keep up."""
WRITTEN_SHARE_MIN: Final = 0.95
"""Below it the server could not take the writes, whoever watches."""
HOPELESS_SHARE: Final = 0.8
"""Below it no other try would do."""
STEP: Final = 2.0
HALVINGS: Final = 3
"""Of the last step: the rates that are tried in the end lie a factor of 2 ** (1 / 8) = 1.09 apart,
which is finer than what is called no difference."""
PER_S_MIN: Final = 62.5
KEYS: Final = 500
WINDOW_FIRST: Final = 990
WINDOW_LAST: Final = 1_010
QUIET_S: Final = 0.5
STREAM: Final = "stream"
POLL: Final = "poll"


class Step(NamedTuple):
    """A rate that was tried."""

    intended_per_s: float
    written_per_s: float
    lag_p99_ms: float
    told: int
    due: int
    ended: str
    client_cores: float

    @property
    def held(self) -> bool:
        """Return whether the watcher kept up, and the server took the writes."""
        return self.watcher_held and self.writes_held

    @property
    def watcher_held(self) -> bool:
        """Return whether the watcher was told everything, and soon."""
        return not self.ended and self.told == self.due and self.lag_p99_ms <= LAG_S_MAX * 1000

    @property
    def writes_held(self) -> bool:
        """Return whether the server took the writes at that rate."""
        return self.written_per_s >= WRITTEN_SHARE_MIN * self.intended_per_s


async def feeding(ground: Ground) -> None:
    """Climb for each way to watch, then see what becomes of a watcher that hangs."""
    values = Values(ground.sizes.value_bytes, ground.chance)
    async with ground.server.client(connections=CALLERS) as writer:
        await fill(writer, (key_of(number) for number in range(KEYS)), values, ground.clock)
        for way in (STREAM, POLL) if ground.generation == 2 else (STREAM,):
            await _ladder(ground, writer, values, way)
            await _hang(ground, writer, values, way)
        await _window(ground, writer, values)


async def _ladder(ground: Ground, writer: Client, values: Values, way: str) -> None:
    """Find the highest rate that is held."""

    async def tried(rate: float) -> Step:
        return await _tried(ground, writer, values, way, rate)

    await _lags(ground, writer, values, way)
    best, failed = await climb(tried, ground.sizes.feed_per_s_max)
    ground.values[f"a_{way}_per_s"] = best.written_per_s if best is not None else 0.0
    ground.notes.append(f"{way}: {_why(failed)}")


async def climb(
    tried: Callable[[float], Awaitable[Step]], per_s_max: float
) -> tuple[Step | None, Step | None]:
    """Return the highest rate that is held, and the lowest above it that is not.

    By steps of two from the claimed rate up (or down), then by halving the last of them. None: not
    even the lowest rate is held; every rate up to the highest is.
    """
    step = await tried(CLAIMED_PER_S)
    best, failed = (step, None) if step.held else (None, step)
    rate = float(CLAIMED_PER_S)
    while best is not None and failed is None and rate * STEP <= per_s_max:
        rate *= STEP
        step = await tried(rate)
        best, failed = (step, None) if step.held else (best, step)
    while best is None and rate / STEP >= PER_S_MIN:
        rate /= STEP
        step = await tried(rate)
        best, failed = (step, failed) if step.held else (None, step)
    if best is None or failed is None:
        return best, failed
    for _ in range(HALVINGS):
        step = await tried((best.intended_per_s * failed.intended_per_s) ** 0.5)
        best, failed = (step, failed) if step.held else (best, step)
    return best, failed


async def _lags(ground: Ground, writer: Client, values: Values, way: str) -> None:
    """Hold the claimed rate some times; the delay is the median of their 99th percentiles."""
    sizes = ground.sizes
    steps = [
        await _try(ground, writer, values, way, CLAIMED_PER_S, seconds=sizes.lag_s)
        for _ in range(sizes.lag_spans)
    ]
    ground.values[f"a_{way}_lag_p99_ms_at_500"] = median(each.lag_p99_ms for each in steps)


def _why(failed: Step | None) -> str:
    """Say what ended the ladder."""
    if failed is None:
        return "the ladder ended before the watcher did"
    why = _why_failed(failed)
    if failed.client_cores > CLIENT_CORES_MAX:
        why += f"; the client used {failed.client_cores:.2f} of a core"
    return why


def _why_failed(failed: Step) -> str:
    rate = f"at {failed.intended_per_s:,.0f}/s"
    if not failed.writes_held:
        held = "kept up with" if failed.watcher_held else "was behind, too, on"
        return f"{rate} the server took {failed.written_per_s:,.0f} writes/s; the watcher {held} it"
    if failed.ended:
        return f"{rate} the watch ended: {failed.ended}"
    return f"{rate} {failed.told} of {failed.due} events in time, p99 {failed.lag_p99_ms:,.0f} ms"


async def _tried(ground: Ground, writer: Client, values: Values, way: str, rate: float) -> Step:
    """Try a rate; one that is nearly held is tried once more."""
    step = await _try(ground, writer, values, way, rate)
    if step.held or step.written_per_s < HOPELESS_SHARE * rate:
        return step
    return await _try(ground, writer, values, way, rate)


async def _try(
    ground: Ground,
    writer: Client,
    values: Values,
    way: str,
    rate: float,
    *,
    seconds: float = 0.0,
) -> Step:
    """Try a rate once; ``seconds`` above 0: for so long."""
    stamp = ground.clock.stamp_ns
    lags = LatencyHistogram()

    def heard(_index: int, value: Value) -> None:
        lags.record_ns(stamp() - stamp_of(value))

    number = 0

    async def write(due_ns: int) -> None:
        nonlocal number
        number += 1
        await writer.put(key_of(number % KEYS), values.at(due_ns))

    count = max(int(rate * (seconds or ground.sizes.feed_s)), 1)
    async with ground.server.client(polling=way == POLL) as watcher:
        await watcher.watch(DIRECTORY, heard)
        paced = Paced(write, ground.clock)
        await paced.run(rate, count)
        if lags.count < count:
            await asyncio.sleep(LAG_S_MAX)
        summary = lags.summary()
        lag_ms = summary.p99_ms or 0.0
        ended, cores = watcher.ended, paced.client_cores
        return Step(rate, paced.per_s, lag_ms, lags.count, count, ended, cores)


async def _hang(ground: Ground, writer: Client, values: Values, way: str) -> None:
    """Write while a watcher reads nothing; count what it is told once it reads again."""
    told = 0

    def heard(_index: int, _value: Value) -> None:
        nonlocal told
        told += 1

    count = ground.sizes.stalled_events
    async with ground.server.client(polling=way == POLL) as watcher:
        await watcher.watch(DIRECTORY, heard)
        watcher.pause()
        keys = (key_of(number % KEYS) for number in range(count))
        await fill(writer, keys, values, ground.clock)
        watcher.resume()
        before = -1
        while told < count and not watcher.ended and told != before:
            before = told
            await asyncio.sleep(QUIET_S)
        ground.values[f"a_{way}_told_after_hanging_share"] = told / count
        if told < count:
            ended = watcher.ended or "then silence, for ever"
            ground.notes.append(f"{way}, hanging for {count:,} events: told {told:,}; {ended}")


async def _window(ground: Ground, writer: Client, values: Values) -> None:
    """Find after how many writes of others a watch cannot be told any more of one before them."""
    stamp = ground.clock.stamp_ns
    watched = await writer.put(key_of(0), values.at(stamp()))
    since = WINDOW_FIRST if ground.generation == 2 else ground.sizes.stalled_events
    await fill(writer, (key_of(n % KEYS, BESIDE) for n in range(since)), values, ground.clock)
    try:
        await writer.recall(DIRECTORY, watched)
        while ground.generation == 2 and since < WINDOW_LAST:
            await writer.put(key_of(0, BESIDE), values.at(stamp()))
            since += 1
            await writer.recall(DIRECTORY, watched)
    except OutOfWindowError as error:
        ground.notes.append(f"after {since:,} events of others: {error}")
        ground.values["a_window_events"] = since
        ground.values["a_window_s_at_500"] = since / CLAIMED_PER_S
        return
    ground.notes.append(f"still told after {since:,} events of others")
    ground.values["a_window_events"] = since
    ground.values["a_window_s_at_500"] = since / CLAIMED_PER_S
