"""Writers over a connection that fails at random: held against the history, and the watch cache."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from serialization.codecs.registry import CODECS
from serialization.kinds import CONFIG_MAPS
from storage.errors import StoreError
from storage.watchcache.cache import WatchCache
from storage.watchcache.events import WatchEvent
from storage.watchcache.selection import Selection
from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_load import Journal, Writer, violations
from tests.storage.remote.fault_proxy import FaultProxy, Kept
from tests.storage.remote.wire_world import World, world
from tests.storage.serve.served import served

WRITERS = 6
ROUNDS = 16
BETWEEN = 12
"""Acknowledged writes between two faults."""
FORM = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{},"data":{"v":"%b"}}'


class Told:
    """Writes down what the watch cache tells."""

    def __init__(self) -> None:
        self.told: list[tuple[bytes, int]] = []
        self.ends: list[StoreError | None] = []

    def notify(self, event: WatchEvent) -> None:
        self.told.append((event.object.key, event.object.revision))

    def ended(self, error: StoreError | None) -> None:
        self.ends.append(error)


async def fail(proxy: FaultProxy, chance: Random) -> None:
    """Let the connection fail in one of the ways in which it can."""
    what = chance.choice(("cut", "watches", "request", "answer", "event", "late", "refused"))
    if what == "cut":
        proxy.cut()
    elif what == "watches":
        proxy.cut_watches()
    elif what == "request":
        proxy.keep(Kept.REQUESTS)
        await proxy.kept_request(CONFIG_MAPS.prefix())
        proxy.cut()
    elif what == "answer":
        proxy.keep(Kept.ANSWERS)
        await proxy.kept_answers(chance.randint(1, WRITERS))
        proxy.cut()
    elif what == "event":
        proxy.keep(Kept.WATCHES)
        await proxy.kept_events(CONFIG_MAPS.prefix())
        proxy.cut_watches()
        proxy.forget()
    elif what == "late":
        proxy.keep(Kept.ANSWERS, Kept.WATCHES)
        await proxy.kept_answers(1)
        proxy.release()
    else:
        proxy.refuse()
        await proxy.refuses()
        proxy.accept()


async def storm(it: World, seed: int) -> None:
    journal, told, stop = Journal(), Told(), asyncio.Event()
    prefix, chance = CONFIG_MAPS.prefix(), Random(seed)
    start = it.direct.current_revision()
    async with WatchCache(it.store, CODECS["orjson"], [CONFIG_MAPS]) as cache:
        maps = cache.of(CONFIG_MAPS)
        maps.subscribe(Selection(), told)
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                writer = Writer(it.store, number, journal, seed, prefix=prefix, form=FORM)
                group.create_task(writer.run(stop))
            for _ in range(ROUNDS):
                await fail(it.proxy, chance)
                await journal.reach(len(journal.acknowledged) + BETWEEN)
            stop.set()

        await cache.catch_up()
        whole = Recorder(start)
        it.direct.watch(prefix, whole, after=start)
        await whole.reach(await it.direct.latest_revision())
        assert violations(journal, whole.changes) == []
        assert told.told == [(change.key, change.revision) for change in whole.changes]
        assert told.ends == []
        standing = [(obj.key, obj.revision) for obj in maps.snapshot()]
        items = (await it.direct.list(prefix)).items
        assert standing == [(item.key, item.revision) for item in items]
        assert len(journal.acknowledged) >= ROUNDS * BETWEEN
        assert journal.unknown


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_storm_over_our_served_engine_loses_nothing(seed: int) -> None:
    async def story() -> None:
        async with served() as engine, world(engine.target) as it:
            await storm(it, seed)

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1))
def test_storm_over_a_real_etcd_loses_nothing(
    seed: int,
    shared_etcd: EtcdCluster,  # noqa: F811
) -> None:
    async def story() -> None:
        async with world(shared_etcd.endpoints[0]) as it:
            await storm(it, seed)

    asyncio.run(story())
