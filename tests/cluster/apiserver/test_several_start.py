"""Several API servers that start at once on one store that is new, and one that starts late."""

from __future__ import annotations

import asyncio
from random import Random
from typing import cast

import pytest

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.namespaces import BORN
from serialization.codecs.registry import CODECS
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock
from tests.cluster.apiserver.serving import Json
from tests.cluster.apiserver.several import Server, virtual
from tests.cluster.apiserver.test_several_reads import CONFIG_MAPS, config_map
from tests.storage.shared.store import SharedView

SERVERS = 4


def listed(obj: Json) -> list[tuple[str, str]]:
    """Return name and uid of each item."""
    metas = [cast("Json", item["metadata"]) for item in cast("list[Json]", obj["items"])]
    return [(str(meta["name"]), str(meta["uid"])) for meta in metas]


@virtual
async def test_servers_that_start_at_once_agree_on_what_a_cluster_is_born_with() -> None:
    clock = VirtualClock()
    options = StoreOptions(clock=clock, inline_commits=True)
    told: list[list[tuple[str, str]]] = []
    created: list[str] = []
    config = ServerConfig(CODECS["protobuf"])
    async with STORES["memory"].make(options) as truth:
        up = asyncio.Barrier(SERVERS)

        async def live(number: int) -> None:
            async with SharedView(truth, Random(number)) as view:
                view.lag_s, view.call_s = 0.2, 0.1
                async with assemble(view, config, clock, Random(7)) as assembly:
                    server = Server(view, assembly)
                    await up.wait()
                    obj = await server.create(CONFIG_MAPS, config_map(f"c{number}"))
                    created.append(str(cast("Json", obj["metadata"])["uid"]))
                    told.append(listed((await server.call("GET", "/api/v1/namespaces")).json()))
                    await up.wait()

        async with asyncio.TaskGroup() as group:
            for number in range(SERVERS):
                group.create_task(live(number))

    assert [name for name, _uid in told[0]] == sorted(BORN)
    assert told == [told[0]] * SERVERS
    assert len(set(created)) == SERVERS


@virtual
async def test_server_that_starts_while_others_write_has_all_of_it() -> None:
    clock = VirtualClock()
    options = StoreOptions(clock=clock, inline_commits=True)
    config = ServerConfig(CODECS["protobuf"])
    async with (
        STORES["memory"].make(options) as truth,
        SharedView(truth, Random(1)) as view,
        assemble(view, config, clock, Random(7)) as assembly,
    ):
        first = Server(view, assembly)

        async def write() -> None:
            for number in range(50):
                await first.create(CONFIG_MAPS, config_map(f"c{number:02}"))
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            await asyncio.sleep(0.1)
            async with SharedView(truth, Random(2)) as other:
                other.lag_s, other.call_s = 0.1, 0.02
                async with assemble(other, config, clock, Random(7)) as late:
                    second = Server(other, late)
                    while len(names := listed((await second.call("GET", CONFIG_MAPS)).json())) < 50:
                        assert (
                            names
                            == listed((await first.call("GET", CONFIG_MAPS)).json())[: len(names)]
                        )
                        await asyncio.sleep(0.03)

                    assert [name for name, _uid in names] == [f"c{n:02}" for n in range(50)]


@virtual
async def test_health_does_not_wait_for_a_store_that_does_not_answer() -> None:
    clock = VirtualClock()
    options = StoreOptions(clock=clock, inline_commits=True)
    async with (
        STORES["memory"].make(options) as truth,
        SharedView(truth) as view,
        assemble(view, ServerConfig(CODECS["protobuf"]), clock, Random(7)) as assembly,
    ):
        server = Server(view, assembly)
        view.call_s = 60.0
        began = asyncio.get_running_loop().time()

        reply = await server.call("GET", "/livez")

        assert reply.code == 500
        assert asyncio.get_running_loop().time() - began == pytest.approx(2.0)
