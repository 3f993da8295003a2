"""A server with many pods: how fast it fills, what it keeps in memory, LISTs, GETs beside, restart.

One fill serves all: it takes longer than everything else. Order matters and is always the same:
protobuf lists first, then the first list in JSON (nothing is encoded yet: *cold*), then JSON again.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.apibench.cells import Cell
from bench.apibench.counting import items_listed, pods_listed
from bench.apibench.endpoint import Endpoint
from bench.apibench.generator import histogram_of
from bench.apibench.memory import Peak, watched
from bench.apibench.orchestration import (
    Site,
    Target,
    generating,
    outcome_of,
    rates_of,
    run_generator,
    site_for,
    task_of,
)
from bench.apibench.own_server import OwnServer
from bench.apibench.results import Row
from bench.apibench.rules import notes_on, why_invalid
from bench.apibench.settings import SAMPLES_FILE, Outcome, Task
from bench.latency import Latency
from bench.measurements.histogram import LatencyHistogram
from bench.readiness import wait_ready
from bench.sampling import read_usage
from storage.clock import Clock

LARGE: Final = "large"
PODS_DEFAULT: Final = 60_000
GETS_PER_S: Final = 500.0
GET_CONNECTIONS: Final = 4
GET_PODS: Final = 100
GETS_S_MAX: Final = 300.0
"""The GETs end with the lists; this only bounds them."""
READY_S_MAX: Final = 60.0
FILLERS: Final = 64


class Sample(NamedTuple):
    """One request: when it was sent, or due, and how long it took."""

    sent_ns: int
    took_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A series of lists."""

    name: str
    codec: str
    alone: int
    beside: int
    """How many more, with GETs beside them. The one cold list must serve for both."""


LISTINGS: Final = (
    Listing("protobuf", "protobuf", 5, 10),
    Listing("orjson cold", "orjson", 0, 1),
    Listing("orjson cached", "orjson", 5, 10),
)


async def measure_large(cell: Cell, target: Target, round_: int, clock: Clock) -> list[Row]:
    """Fill a server, measure it; return a row for each thing that was measured.

    Raises CellFailedError, ChildError, SetUpError, UnreachableError.
    """
    async with site_for(target, cell.codec) as site:
        large = Large(cell, site, round_, clock)
        await large.fill()
        for listing in LISTINGS:
            await large.listed(listing)
        large.memory("with JSON cached")
        await large.recount()
        if site.own is not None:
            await large.restart(site.own)
        return large.rows


class Large:
    """The measurements, in their order."""

    def __init__(self, cell: Cell, site: Site, round_: int, clock: Clock) -> None:
        self._cell = cell
        self._site = site
        self._round = round_
        self._clock = clock
        self._pods = cell.pods or PODS_DEFAULT
        self._runs = 0
        self.rows: list[Row] = []

    async def fill(self) -> None:
        """Create the pods, and see that they are there."""
        creates = replace(self._cell, operation="create", connections=FILLERS, count=self._pods)
        outcome, _ = await self._generate(task_of(creates, self._site))
        there = await pods_listed(Endpoint(self._site.server), self._site.namespace)
        wrong = [] if there == self._pods else [f"{self._pods} pods made, {there} listed"]
        self._add("fill", outcome, rates_of(outcome), wrong)
        self.memory("filled")

    def memory(self, when: str) -> None:
        """Note the server's anonymous memory."""
        usage = read_usage(self._site.pids[0]) if self._site.pids else None
        if usage is not None:
            self._add(f"memory {when}", None, {"anon_mib": usage.anon_mib}, [])

    async def listed(self, listing: Listing) -> None:
        """List again and again; then with GETs beside."""
        if listing.alone:
            await self._list(listing, listing.alone, "list")
        task, directory = self._in_directory(self._gets(listing))
        async with generating(task, directory, "gets") as gets:
            await gets.ready(READY_S_MAX)
            name = "list with GETs" if listing.alone else "list"
            spans = await self._list(listing, listing.beside, name)
        outcome, samples = outcome_of(task, gets), read_samples(directory / SAMPLES_FILE)
        latencies = within(samples, spans)
        wrong = [] if latencies else ["no GET was under way beside a list"]
        rate = {"per_s": rates_of(outcome)["per_s"]}  # the CPU in its window is the lists'
        self._add(f"get beside list {listing.name}", outcome, rate, wrong, latencies)

    async def recount(self) -> None:
        """See that the lists hold all pods, by taking them apart."""
        expected = self._pods + GET_PODS * len(LISTINGS)
        for codec in sorted({listing.codec for listing in LISTINGS}):
            found = await items_listed(Endpoint(self._site.server), codec)
            # Another's server has others' pods.
            good = found == expected if self._site.own else found >= expected
            wrong = [] if good else [f"{expected} pods made, {found} in the list"]
            self._add(f"items in {codec}", None, {"items": float(found)}, wrong)

    async def restart(self, own: OwnServer) -> None:
        """End the server, start it again on its data: until it says that it is ready."""
        await own.stop()
        begin_ns = self._clock.stamp_ns()
        await own.start()
        await wait_ready(own.server.url, self._clock)
        took_s = (self._clock.stamp_ns() - begin_ns) / 1e9
        there = await pods_listed(Endpoint(own.server), self._site.namespace)
        wrong = [] if there >= self._pods else [f"{self._pods} pods before, {there} after"]
        self._add("restart", None, {"restart_s": took_s}, wrong)

    async def _list(self, listing: Listing, count: int, name: str) -> list[Sample]:
        cell = Cell("list", listing.codec, 1, count=count, pods=-1)
        peak = Peak(self._site.pids[0] if self._site.pids else 0)
        async with asyncio.TaskGroup() as group:
            with watched(peak, group):
                task = replace(task_of(cell, self._site), samples=True)
                outcome, samples = await self._generate(task)
        took_s = [sample.took_ns / 1e9 for sample in samples]
        values = rates_of(outcome)
        values |= {"list_s": median(took_s or [0.0]), "list_max_s": max(took_s, default=0.0)}
        if self._site.pids:
            values |= {"extra_mib": peak.extra_mib, "kept_mib": peak.kept_mib}
        self._add(f"{name} {listing.name}", outcome, values, [])
        return samples

    def _gets(self, listing: Listing) -> Task:
        cell = Cell(
            "get",
            "protobuf",
            GET_CONNECTIONS,
            duration_s=GETS_S_MAX,
            rate=GETS_PER_S,
            pods=GET_PODS,
        )
        # Each series has pods of its own: names of an earlier one are taken.
        series = f"g{LISTINGS.index(listing)}"
        return replace(task_of(cell, self._site), samples=True, series=series)

    async def _generate(self, task: Task) -> tuple[Outcome, list[Sample]]:
        placed, directory = self._in_directory(task)
        outcome = await run_generator(placed, directory, task.operation)
        return outcome, read_samples(directory / SAMPLES_FILE) if task.samples else []

    def _in_directory(self, task: Task) -> tuple[Task, Path]:
        self._runs += 1
        directory = self._site.directory / f"run-{self._runs}"
        directory.mkdir()
        return replace(task, directory=str(directory)), directory

    def _add(
        self,
        name: str,
        outcome: Outcome | None,
        values: dict[str, float],
        wrong: list[str],
        latencies_ns: list[int] | None = None,
    ) -> None:
        histogram = ""
        if latencies_ns:
            histogram = histogram_of(latencies_ns).encode()
        elif outcome is not None:
            histogram = outcome.histogram
        self.rows.append(
            Row(
                cell=f"{LARGE} {self._pods}: {name}",
                round=self._round,
                operation=LARGE,
                codec=self._cell.codec,
                connections=0,
                values=values,
                latency=LatencyHistogram.decode(histogram).summary() if histogram else Latency(),
                operations=outcome.operations if outcome else 0,
                window_s=outcome.window_s if outcome else 0.0,
                histogram=histogram,
                invalid=[*(why_invalid(outcome) if outcome else ()), *wrong],
                notes=list(notes_on(outcome)) if outcome else [],
                distinct=self._cell.distinct,
            )
        )


def read_samples(path: Path) -> list[Sample]:
    """Read what a generator wrote of each request."""
    numbers = array("q", path.read_bytes())
    return [Sample(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]


def within(samples: Iterable[Sample], spans: Iterable[Sample]) -> list[int]:
    """Return how long those took that were under way during one of the spans."""
    times = list(spans)
    return [
        sample.took_ns
        for sample in samples
        if any(
            sample.sent_ns < span.sent_ns + span.took_ns
            and span.sent_ns < sample.sent_ns + sample.took_ns
            for span in times
        )
    ]
