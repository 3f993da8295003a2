"""Several API servers on one store answer as one would: random requests, lag and delays."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from serialization.kinds import CONFIG_MAPS
from storage.errors import StoreUnavailableError
from storage.watchcache.cache import WatchCache
from tests.cluster.apiserver.linear import UNSURE, Clients, Order
from tests.cluster.apiserver.several import several, virtual
from tests.storage.shared.store import SharedView


async def play(seed: int, servers: int, lag_s: float, call_s: float) -> Clients:
    """Have five clients send random requests, and judge the answers."""
    async with several(servers) as made:
        for server in made.servers:
            server.view.lag_s, server.view.call_s = lag_s, call_s
        clients = Clients(made.servers, Order(made.truth), Random(seed))

        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(clients.work(40))
        return clients


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("servers", "lag_s", "call_s"), [(2, 0.0, 0.0), (2, 0.05, 0.01), (3, 0.4, 0.1)]
)
@virtual
async def test_answers_of_several_servers_are_linearizable(
    seed: int, servers: int, lag_s: float, call_s: float
) -> None:
    clients = await play(seed, servers, lag_s, call_s)

    assert {
        ("GET", 200),
        ("GET", 404),
        ("POST", 201),
        ("POST", 409),
        ("PUT", 200),
        ("PATCH", 200),
        ("PATCH", 404),
        ("DELETE", 200),
        ("DELETE", 404),
    } <= set(clients.codes)


async def not_at_all(_cache: WatchCache) -> None:
    """Instead of catching up."""


async def trouble(view: SharedView, chance: Random) -> None:
    """Have one thing after another go wrong with a view."""
    while True:
        await asyncio.sleep(chance.uniform(0.1, 0.4))
        fault = chance.randrange(4)
        if fault == 0:
            view.down = True
            await asyncio.sleep(chance.uniform(0.1, 1.0))
            view.down = False
        elif fault == 1:
            view.unknown, view.lost = chance.choice(((1, 0), (1, 1), (2, 1)))
        elif fault == 2:
            view.held = True
            await asyncio.sleep(chance.uniform(0.1, 4.0))  # reads wait for 3 s
            view.held = False
            view.learn()
        else:
            view.lose(StoreUnavailableError("cut off"), prefix=b"/registry/configmaps/")


@pytest.mark.parametrize("seed", range(12))
@virtual
async def test_answers_are_linearizable_whatever_goes_wrong_with_the_store(seed: int) -> None:
    async with several(2) as made:
        chance = Random(seed)
        for server in made.servers:
            server.view.lag_s, server.view.call_s = 0.05, 0.02
        clients = Clients(made.servers, Order(made.truth), chance)
        troubles = [asyncio.ensure_future(trouble(each.view, chance)) for each in made.servers]

        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(clients.work(60))
        for task in troubles:
            task.cancel()
        for server in made.servers:
            server.view.down = server.view.held = False
            server.view.unknown = 0
            server.view.learn()
        await asyncio.sleep(3)

        unsure = sum(count for (_, code), count in clients.codes.items() if code in UNSURE)
        assert 0 < unsure < 150, clients.codes  # of 300
        caches = [server.assembly.api.cache.of(CONFIG_MAPS) for server in made.servers]
        at_rest = [[(obj.name, obj.revision) for obj in cache.snapshot()] for cache in caches]
        truth = sorted((await clients.order.at_rest()).items())
        assert at_rest == [truth, truth]


@pytest.mark.parametrize("seed", range(3))
@virtual
async def test_judge_finds_reads_that_do_not_wait(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WatchCache, "catch_up", not_at_all)

    with pytest.raises(ExceptionGroup) as caught:
        await play(seed, 2, 0.05, 0.01)

    assert caught.group_contains(AssertionError)
