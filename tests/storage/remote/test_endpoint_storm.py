"""Three endpoints that hang, refuse, go deaf or are cut at random, never all: writers go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import pytest

from serialization.codecs.registry import CODECS
from serialization.kinds import CONFIG_MAPS
from storage.clock import SystemClock
from storage.remote import rotation
from storage.remote.etcd3 import feed, link
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url
from storage.watchcache.cache import WatchCache
from storage.watchcache.selection import Selection
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_load import Journal, Writer, violations
from tests.storage.remote.fault_proxy import FaultProxy, Kept
from tests.storage.remote.test_wire_storm import FORM, Told
from tests.storage.serve.served import served

ENDPOINTS = 3
WRITERS = 6
ROUNDS = 12
BETWEEN = 12
"""Acknowledged writes between two faults."""


def fail(proxies: list[FaultProxy], chance: Random) -> None:
    """Let an endpoint fail, or be well again; one of them always is."""
    proxy = chance.choice(proxies)
    what = chance.choice(("hang", "refuse", "cut", "deaf", "answers", "release", "heal"))
    if what == "hang":
        proxy.keep(Kept.ALL)
    elif what == "refuse":
        proxy.refuse()
    elif what == "deaf":
        proxy.keep(Kept.WATCHES)
    elif what == "answers":
        proxy.keep(Kept.ANSWERS)
    elif what == "cut":
        proxy.cut()
    elif what == "release":
        proxy.release()
        proxy.accept()
    else:
        heal(proxy)
    if not any(each.well for each in proxies):
        heal(chance.choice(proxies))


def heal(proxy: FaultProxy) -> None:
    """Lose what was kept, and take connections again."""
    proxy.cut()
    proxy.accept()


@asynccontextmanager
async def endpoints() -> AsyncIterator[tuple[list[FaultProxy], RemoteStore, RemoteStore]]:
    """Yield the endpoints of an engine, the store that has them, and one that asks directly."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(served())
        proxies = [FaultProxy(engine.target) for _ in range(ENDPOINTS)]
        for proxy in proxies:
            await stack.enter_async_context(proxy)
        places = ",".join(proxy.target for proxy in proxies)
        stores = [
            await stack.enter_async_context(
                RemoteStore(parse_url(f"etcd3://{place}"), SystemClock())
            )
            for place in (engine.target, places)
        ]
        yield proxies, stores[1], stores[0]


async def storm(seed: int) -> None:
    journal, told, stop = Journal(), Told(), asyncio.Event()
    prefix, chance = CONFIG_MAPS.prefix(), Random(seed)
    async with endpoints() as (proxies, store, direct):
        start = direct.current_revision()
        async with WatchCache(store, CODECS["orjson"], [CONFIG_MAPS]) as cache:
            cache.of(CONFIG_MAPS).subscribe(Selection(), told)
            async with asyncio.TaskGroup() as group:
                for number in range(WRITERS):
                    writer = Writer(store, number, journal, seed, prefix=prefix, form=FORM)
                    group.create_task(writer.run(stop))
                for _ in range(ROUNDS):
                    fail(proxies, chance)
                    await journal.reach(len(journal.acknowledged) + BETWEEN)
                stop.set()
                for proxy in proxies:
                    heal(proxy)

            await cache.catch_up()
            whole = Recorder(start)
            direct.watch(prefix, whole, after=start)
            await whole.reach(await direct.latest_revision())
            assert violations(journal, whole.changes) == []
            assert told.told == [(change.key, change.revision) for change in whole.changes]
            assert told.ends == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 4])
def test_writers_go_on_while_one_endpoint_is_well(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "STALL_S", 0.2)
    monkeypatch.setattr(link, "TRY_S", 0.4)
    monkeypatch.setattr(link, "CALL_S", 1.5)
    monkeypatch.setattr(feed, "SILENT_S", 0.4)
    monkeypatch.setattr(feed, "CREATED_S", 0.8)

    asyncio.run(storm(seed))
