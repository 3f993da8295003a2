"""The collector's settings, and the circles that the hot paths must not make."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import pytest
import uvloop

from bench.workload import pod_template
from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from cluster.apiserver.listener import bind, listen, url_of
from cluster.client.interface import ApiError, ObjectKey
from cluster.client.rest import ClientOptions, RestClient
from cluster.processes.collector import SWEEP_S, Sweeps, survivors_kept
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.registry import CODECS
from serialization.kinds import PODS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions
from storage.virtual_time import run_virtual

TIMES: Final = 20
SPACE: Final = "default"
CLOCK: Final = SystemClock()


class Circle:
    """Refers to itself: only the collector finds it."""

    def __init__(self) -> None:
        self.itself = self


@contextmanager
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.freeze()  # what the session holds: else each count would walk over all of it
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def circles() -> Counter[str]:
    """Return what was garbage in circles, by type."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return Counter(type(each).__qualname__ for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.collect()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[RestClient, Assembly]]:
    """An API server over HTTP, and a client of it."""
    store = STORES["memory"].make(StoreOptions(clock=CLOCK))
    sock = bind("127.0.0.1", 0)
    config = ServerConfig(CODECS["protobuf"])
    async with (
        store,
        assemble(store, config, CLOCK, random.Random(1)) as server,
        listen(server.app, sock, end_watches=server.fanout.shut_down),
        RestClient(ClientOptions(url_of(sock)), CLOCK) as client,
    ):
        yield client, server


async def create(client: RestClient) -> None:
    for number in range(TIMES):
        await client.create(PODS, SPACE, pod_template.pod(SPACE, f"p{number}"))


async def read_and_report(client: RestClient) -> None:
    for number in range(TIMES):
        pod = await client.get(PODS, Pod, ObjectKey(SPACE, f"p{number}"))
        pod.status.phase = "Running"
        await client.update_status(PODS, pod)
    await client.list_raw(PODS)


async def fail(client: RestClient) -> None:
    for number in range(TIMES):
        with suppress(ApiError):
            await client.get(PODS, Pod, ObjectKey(SPACE, f"none{number}"))
        with suppress(ApiError):
            await client.create(PODS, SPACE, pod_template.pod(SPACE, "p1"))


async def watch(client: RestClient) -> None:
    for _ in range(TIMES):
        events = client.watch_raw(PODS)
        async for _event in events:
            break
        await events.aclose()


async def delete(client: RestClient) -> None:
    for number in range(TIMES):
        await client.delete(PODS, ObjectKey(SPACE, f"p{number}"), grace_period_s=0)


@pytest.mark.slow
@pytest.mark.parametrize("work", [create, read_and_report, fail, watch, delete])
def test_requests_leave_no_circles_to_the_collector(
    work: Callable[[RestClient], Awaitable[None]],
) -> None:
    """Frozen, they would stay for ever; and collecting them took 8 % of a loaded server's CPU."""

    async def play() -> Counter[str]:
        async with served() as (client, server):
            if work is not create:
                await create(client)
            await work(client)
            circles()  # whatever is made once
            if work is create:
                await delete(client)
            if work is delete:
                await create(client)
            await work(client)
            while server.fanout.streams:  # noqa: ASYNC110  it hears of a closed watch by and by
                await asyncio.sleep(0)
            return circles()

    with collector_off(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(play())

    assert sum(found.values()) < TIMES, found


def test_survivors_of_the_middle_generation_are_frozen_and_looked_at_no_more() -> None:
    with collector_off():
        gc.enable()
        with survivors_kept():
            kept = [Circle() for _ in range(100)]
            before = gc.get_freeze_count()
            gc.collect(1)
            assert gc.get_freeze_count() - before >= len(kept)
            kept.clear()
            assert gc.collect() == 0, "they were looked at"
        assert gc.collect() >= 100
        assert gc.get_freeze_count() == 0


def test_young_circles_are_still_collected() -> None:
    with survivors_kept():
        for _ in range(100):
            Circle()
        assert gc.collect(0) >= 100


def test_sweeps_collect_what_is_young_until_they_are_left() -> None:
    async def play() -> tuple[int, int]:
        sweeps: list[int] = []

        def count(phase: str, facts: dict[str, int]) -> None:
            if phase == "stop":
                sweeps.append(facts["generation"])

        gc.callbacks.append(count)
        try:
            with Sweeps():
                await asyncio.sleep(10.5 * SWEEP_S)
            within = sweeps.count(1)
            await asyncio.sleep(10.5 * SWEEP_S)
            return within, sweeps.count(1)
        finally:
            gc.callbacks.remove(count)

    with collector_off():
        gc.enable()
        gc.set_threshold(10**6)
        try:
            assert run_virtual(play()) == (10, 10)
        finally:
            gc.set_threshold(700, 10, 10)


def test_sweeps_leave_a_collector_that_is_off_alone() -> None:
    async def play() -> int:
        with Sweeps():
            kept = [Circle() for _ in range(10)]
            kept.clear()
            await asyncio.sleep(5 * SWEEP_S)
        return gc.collect()

    with collector_off():
        assert run_virtual(play()) >= 10
