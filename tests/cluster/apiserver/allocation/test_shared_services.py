"""Addresses and ports of services that several API servers give out on one store."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from random import Random
from typing import cast

import pytest

from cluster.apiserver.allocation.claim_keys import (
    ADDRESSES,
    GRACE_S,
    PORTS,
    ClaimKeys,
    Owner,
    address_key,
    port_key,
    read_claim,
)
from cluster.apiserver.allocation.services import NODE_PORTS, SERVICE_RANGE
from storage.interface import Store
from tests.cluster.apiserver.allocation.test_services import (
    PATH,
    TCP,
    node_ports,
    service,
    spec_of,
)
from tests.cluster.apiserver.linear import MERGE
from tests.cluster.apiserver.serving import Json
from tests.cluster.apiserver.several import Several, several, virtual

FIRST = int(SERVICE_RANGE.network_address) + 300


def owner_of(obj: Json) -> str:
    return str(cast("Json", obj["metadata"])["uid"])


async def claims(store: Store) -> dict[str, str]:
    """Return who has what by claims: the uid by the number's text."""
    found: dict[str, str] = {}
    for prefix in (ADDRESSES, PORTS):
        for entry in (await store.list(prefix)).items:
            claim = read_claim(entry)
            assert claim is not None
            found[entry.key.rpartition(b"/")[2].decode()] = claim.owner.uid
    return found


async def owned(made: Several) -> dict[str, str]:
    """Return the same by the services that there are."""
    listed = (await made.servers[0].call("GET", PATH)).json()
    found: dict[str, str] = {}
    for each in cast("list[Json]", listed["items"]):
        texts = [str(spec_of(each)["clusterIP"])]
        texts += [str(port) for port in node_ports(each) if port]
        assert not found.keys() & set(texts), "two services have the same"
        found.update(dict.fromkeys(texts, owner_of(each)))
    return found


@virtual
async def test_servers_that_want_one_address_at_once_give_it_to_one_service() -> None:
    async with several(3) as made:
        for server in made.servers:
            server.view.lag_s, server.view.call_s = 0.2, 0.05
        port: Json = {"port": 80, "nodePort": 31_000}
        asked = service("s", port, clusterIP="10.96.5.5", type="NodePort")

        replies = await asyncio.gather(
            *(
                server.call("POST", PATH, {**asked, "metadata": {"name": f"s{n}"}})
                for n, server in enumerate(made.servers)
            )
        )

        assert sorted(reply.code for reply in replies) == [201, 422, 422]
        refused = next(reply for reply in replies if reply.code == 422)
        assert "provided IP is already allocated" in str(refused.json()["message"])
        assert await claims(made.truth) == await owned(made)


@virtual
async def test_servers_that_draw_from_few_ports_at_once_draw_different_ones() -> None:
    async with several(2) as made:
        for server in made.servers:
            server.view.lag_s, server.view.call_s = 0.2, 0.05
            allocator = server.assembly.api.allocators
            for each in allocator.values():
                each._ports._upper = NODE_PORTS[:30]  # type: ignore[attr-defined]  # a small pool
                each._addresses._upper = range(FIRST, FIRST + 24)  # type: ignore[attr-defined]

        replies = await asyncio.gather(
            *(
                made.servers[n % 2].call("POST", PATH, service(f"s{n}", type="NodePort"))
                for n in range(20)
            )
        )

        assert [reply.code for reply in replies] == [201] * 20
        assert len(await owned(made)) == 40
        assert await claims(made.truth) == await owned(made)


@virtual
async def test_what_a_service_gives_up_is_free_at_once_everywhere() -> None:
    async with several(2) as made:
        one, other = made.servers
        other.view.lag_s = 0.5
        kept = await one.create(PATH, service(type="NodePort"))
        port, address = node_ports(kept)[0], spec_of(kept)["clusterIP"]

        changed = await other.call("PATCH", f"{PATH}/s", {"spec": {"type": "ClusterIP"}}, MERGE)
        if node_ports(changed.json())[0]:
            ports: Json = {"ports": [{"port": 80, "nodePort": 0}]}
            changed = await other.call("PATCH", f"{PATH}/s", {"spec": ports}, MERGE)
        assert node_ports(changed.json()) == [None]
        assert await claims(made.truth) == {str(address): owner_of(kept)}
        taking = {"port": 80, "nodePort": port}
        await other.create(PATH, service("t", cast("Json", taking), type="NodePort"))

        assert (await other.call("DELETE", f"{PATH}/s")).code == 200
        again = await one.create(PATH, service("u", TCP, clusterIP=address))
        assert spec_of(again)["clusterIP"] == address
        assert await claims(made.truth) == await owned(made)


@virtual
async def test_write_that_fails_leaves_no_claim() -> None:
    async with several(2) as made:
        one, other = made.servers
        await one.create(PATH, service())
        other.view.held = True
        before = await claims(made.truth)
        other.view.held = False
        other.view.learn()

        assert (await other.call("POST", PATH, service())).code == 409
        tried = await other.call("POST", f"{PATH}?dryRun=All", service("tried"))

        assert (tried.code, bool(spec_of(tried.json())["clusterIP"])) == (201, True)
        assert await claims(made.truth) == before


@pytest.mark.parametrize("carried_out", [True, False])
@virtual
async def test_claim_of_a_write_that_is_unknown_is_kept_until_it_is_old(carried_out: bool) -> None:
    async with several(2) as made:
        one, other = made.servers
        asked = service("s", TCP, clusterIP="10.96.5.5")
        number = one.view

        async def unanswered(key: bytes, value: bytes, *, ttl_s: int = 0) -> int:
            if b"/services/" in key:
                number.unknown, number.lost = 1, 0 if carried_out else 1
            return await create(key, value, ttl_s=ttl_s)

        create = number.create
        number.create = unanswered  # type: ignore[method-assign]  # lost is what is written last
        assert (await one.call("POST", PATH, asked)).code == 504
        taking = {**asked, "metadata": {"name": "t"}}

        assert (await other.call("POST", PATH, taking)).code == 422
        await asyncio.sleep(GRACE_S + 1)
        late = await other.call("POST", PATH, taking)

        assert late.code == (422 if carried_out else 201)
        assert await claims(made.truth) == await owned(made)


@virtual
async def test_server_that_starts_repairs_the_claims() -> None:
    async with several(1) as made:
        kept = await made.servers[0].create(PATH, service(type="NodePort"))
        for key in [item.key for item in (await made.truth.list(PORTS)).items]:
            await made.truth.delete(key)
        keys = ClaimKeys(made.truth, made.clock, Random(1))
        gone = Owner("gone", "default", "gone")
        await keys.take(address_key(FIRST), gone)
        await keys.take(port_key(31_001), Owner(owner_of(kept), "default", "s"))
        await made.truth.create(address_key(FIRST + 1), b"not ours")
        await asyncio.sleep(GRACE_S + 1)
        await keys.take(address_key(FIRST + 2), gone)

        for each in made.servers[0].assembly.api.shared.values():
            await each.repair()  # type: ignore[attr-defined]  # as at a start

        assert await made.truth.get(address_key(FIRST + 1)) is not None
        await made.truth.delete(address_key(FIRST + 1))
        young = address_key(FIRST + 2).rpartition(b"/")[2].decode()
        assert await claims(made.truth) == {**await owned(made), young: "gone"}


@virtual
async def test_claim_of_an_address_is_an_object_that_kubernetes_reads() -> None:
    async with several(1) as made:
        kept = await made.servers[0].create(PATH, service())

        entry = (await made.truth.list(ADDRESSES)).items[0]

        tree = json.loads(entry.value)
        address = spec_of(kept)["clusterIP"]
        assert entry.key == b"/registry/ipaddresses/" + str(address).encode()
        assert (tree["apiVersion"], tree["kind"]) == ("networking.k8s.io/v1", "IPAddress")
        assert tree["metadata"]["name"] == address
        parent = {"group": "", "resource": "services", "namespace": "default", "name": "s"}
        assert tree["spec"] == {"parentRef": parent}


class Storm:
    """Random requests for services, of few names and few numbers, to several servers."""

    def __init__(self, made: Several, chance: Random) -> None:
        self.codes: Counter[int] = Counter()
        self._servers = made.servers
        self._chance = chance
        for server in made.servers:
            server.view.lag_s, server.view.call_s = 0.1, 0.03

    async def rage(self) -> None:
        """Send 100 requests, four at a time."""
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(self._work())

    async def _work(self) -> None:
        chance = self._chance
        for _ in range(25):
            server, name = chance.choice(self._servers), f"s{chance.randrange(4)}"
            reply = await server.call(*self._request(name))
            self.codes[reply.code] += 1
            if reply.code > 500:
                await asyncio.sleep(0.2)

    def _request(self, name: str) -> tuple[str, str, Json | None, dict[str, str] | None]:
        chance = self._chance
        if chance.random() < 0.4:
            return "DELETE", f"{PATH}/{name}", None, None
        port: Json = {"port": 80, "nodePort": 31_000 + chance.randrange(4)}
        if chance.random() < 0.5:
            return "PATCH", f"{PATH}/{name}", {"spec": {"ports": [port]}}, MERGE
        obj = service(name, chance.choice((port, TCP)), type="NodePort")
        if chance.random() < 0.5:
            spec_of(obj)["clusterIP"] = f"10.96.5.{1 + chance.randrange(3)}"
        return "POST", PATH, obj, None


@pytest.mark.parametrize("seed", range(4))
@virtual
async def test_random_services_never_share_and_claims_end_as_the_services_do(seed: int) -> None:
    async with several(3) as made:
        storm = Storm(made, Random(seed))

        await storm.rage()

        assert await claims(made.truth) == await owned(made)
        assert {200, 201, 404, 409, 422} >= set(storm.codes)
        assert storm.codes[201] > 5


@pytest.mark.parametrize("seed", range(8))
@virtual
async def test_services_never_share_whatever_goes_wrong_and_claims_are_repaired(seed: int) -> None:
    async with several(3) as made:
        chance = Random(seed)
        storm = Storm(made, chance)

        async def trouble() -> None:
            while True:
                await asyncio.sleep(chance.uniform(0.05, 0.2))
                view = chance.choice(made.servers).view
                view.unknown, view.lost = chance.choice(((0, 0), (1, 0), (1, 1), (2, 1)))
                view.down = chance.random() < 0.3
                await asyncio.sleep(chance.uniform(0.05, 0.2))
                view.down = False

        troubles = asyncio.ensure_future(trouble())
        await storm.rage()
        troubles.cancel()
        for server in made.servers:
            server.view.unknown, server.view.down = 0, False
        await asyncio.sleep(1)
        there = await owned(made)  # and none has what another has
        had = await claims(made.truth)
        assert {key: had.get(key) for key in there} == there
        await asyncio.sleep(GRACE_S + 1)
        for each in made.servers[0].assembly.api.shared.values():
            await each.repair()  # type: ignore[attr-defined]  # as at a start

        assert await claims(made.truth) == there
        assert storm.codes[504] > 0
