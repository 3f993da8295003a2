"""Several API servers on one store answer as one would: random requests, lag and delays."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from storage.watchcache.cache import WatchCache
from tests.cluster.apiserver.linear import Clients, Order
from tests.cluster.apiserver.several import several, virtual


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


@pytest.mark.parametrize("seed", range(3))
@virtual
async def test_judge_finds_reads_that_do_not_wait(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WatchCache, "catch_up", not_at_all)

    with pytest.raises(ExceptionGroup) as caught:
        await play(seed, 2, 0.05, 0.01)

    assert caught.group_contains(AssertionError)
