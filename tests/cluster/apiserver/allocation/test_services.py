"""Addresses and ports that services get, over the API."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from random import Random
from typing import cast

import pytest

from cluster.apiserver.allocation.services import (
    LATE_HOLD_S,
    NODE_PORTS,
    SERVICE_RANGE,
    ServiceAllocator,
)
from cluster.apiserver.errors import StatusError
from serialization.api.core.v1_pb2 import Service
from serialization.kinds import SERVICES
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import run_virtual
from tests.cluster.apiserver.serving import InProcess, Json, serving

PATH = "/api/v1/namespaces/default/services"
TCP: Json = {"port": 80}


def service(name: str = "s", *ports: Json, **spec: object) -> Json:
    """Return a service with the ports given, or with one."""
    whole = cast("Json", {"ports": list(ports) or [TCP], **spec})
    return {"metadata": {"name": name}, "spec": whole}


def spec_of(obj: Json) -> Json:
    return cast("Json", obj["spec"])


def node_ports(obj: Json) -> list[object]:
    return [port.get("nodePort") for port in cast("list[Json]", spec_of(obj)["ports"])]


def told(reply_body: Json) -> str:
    return str(reply_body["message"])


def test_service_gets_an_address_of_the_range(api: InProcess) -> None:
    made = spec_of(api.create(PATH, service()))

    assert ip_address(str(made["clusterIP"])) in SERVICE_RANGE
    assert made["clusterIPs"] == [made["clusterIP"]]


def test_address_is_the_same_for_the_same_seed() -> None:
    addresses = []
    for _ in range(2):
        with serving() as api:
            addresses.append(spec_of(api.create(PATH, service()))["clusterIP"])

    assert addresses[0] == addresses[1]


def test_services_of_one_turn_get_addresses_of_their_own(api: InProcess) -> None:
    headers = {"content-type": "application/json"}
    bodies = [
        f'{{"metadata":{{"name":"s{n}"}},"spec":{{"ports":[{{"port":80}}]}}}}' for n in range(40)
    ]

    replies = api.gather(*(api.request("POST", PATH, body.encode(), headers) for body in bodies))

    assert {reply.code for reply in replies} == {201}
    assert len({spec_of(reply.json())["clusterIP"] for reply in replies}) == len(bodies)


def test_address_asked_for_by_two_of_one_turn_goes_to_one(api: InProcess) -> None:
    headers = {"content-type": "application/json"}
    bodies = [
        f'{{"metadata":{{"name":"s{n}"}},"spec":{{"clusterIP":"10.96.0.7","ports":[{{"port":1}}]}}}}'
        for n in range(2)
    ]

    replies = api.gather(*(api.request("POST", PATH, each.encode(), headers) for each in bodies))

    assert sorted(reply.code for reply in replies) == [201, 422]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("10.96.0.7", "failed to allocate IP 10.96.0.7: provided IP is already allocated"),
        (
            "1.2.3.4",
            "failed to allocate IP 1.2.3.4: the provided network does not match the current range",
        ),
    ],
)
def test_address_that_is_taken_or_outside_is_refused(api: InProcess, asked: str, why: str) -> None:
    api.create(PATH, service("first", clusterIP="10.96.0.7"))

    reply = api.call("POST", PATH, service("second", clusterIP=asked))

    assert reply.code == 422
    assert told(reply.json()) == (
        f'Service "second" is invalid: spec.clusterIPs: Invalid value: ["{asked}"]: {why}'
    )


def test_address_is_free_again_once_its_service_is_gone(api: InProcess) -> None:
    api.create(PATH, service("first", clusterIP="10.96.0.7"))
    api.call("DELETE", f"{PATH}/first")

    made = api.create(PATH, service("second", clusterIP="10.96.0.7"))

    assert spec_of(made)["clusterIP"] == "10.96.0.7"


@pytest.mark.parametrize("query", ["?dryRun=All", ""])
def test_write_that_stores_nothing_leaves_nothing_taken(api: InProcess, query: str) -> None:
    api.create(PATH, service("there"))
    name = "new" if query else "there"
    api.call("POST", f"{PATH}{query}", service(name, clusterIP="10.96.0.7"))

    made = api.create(PATH, service("second", clusterIP="10.96.0.7"))

    assert spec_of(made)["clusterIP"] == "10.96.0.7"


def test_dry_run_shows_an_address(api: InProcess) -> None:
    reply = api.call("POST", f"{PATH}?dryRun=All", service())

    assert ip_address(str(spec_of(reply.json())["clusterIP"])) in SERVICE_RANGE


def test_headless_service_and_external_name_have_no_address(api: InProcess) -> None:
    headless = spec_of(api.create(PATH, service("h", clusterIP="None", selector={"a": "b"})))
    external = api.create(
        PATH,
        {"metadata": {"name": "e"}, "spec": {"type": "ExternalName", "externalName": "a.example"}},
    )

    assert headless["clusterIPs"] == ["None"]
    assert "clusterIP" not in spec_of(external)


def test_update_that_does_not_mention_what_was_handed_out_keeps_it(api: InProcess) -> None:
    made = api.create(PATH, service(type="NodePort"))
    again = service("s", {"port": 8080}, type="NodePort")

    changed = api.call("PUT", f"{PATH}/s", again).json()

    assert spec_of(changed)["clusterIPs"] == spec_of(made)["clusterIPs"]
    assert node_ports(changed) == node_ports(made)
    assert all(port in NODE_PORTS for port in cast("list[int]", node_ports(made)))


def test_service_that_becomes_an_external_name_gives_its_address_back(api: InProcess) -> None:
    api.create(PATH, service(clusterIP="10.96.0.7"))
    api.call(
        "PUT",
        f"{PATH}/s",
        {"metadata": {"name": "s"}, "spec": {"type": "ExternalName", "externalName": "a.example"}},
    )

    made = api.create(PATH, service("other", clusterIP="10.96.0.7"))

    assert spec_of(made)["clusterIP"] == "10.96.0.7"


def test_external_name_that_becomes_a_service_gets_an_address(api: InProcess) -> None:
    external: Json = {"type": "ExternalName", "externalName": "a.example"}
    api.create(PATH, {"metadata": {"name": "s"}, "spec": external})

    changed = api.call("PUT", f"{PATH}/s", service())

    assert changed.code == 200
    assert ip_address(str(spec_of(changed.json())["clusterIP"])) in SERVICE_RANGE


def test_service_that_is_no_longer_of_node_ports_gives_them_back(api: InProcess) -> None:
    made = api.create(PATH, service("s", {"port": 80, "nodePort": 30_080}, type="NodePort"))
    spec_of(made)["type"] = "ClusterIP"

    changed = api.call("PUT", f"{PATH}/s", made)
    other = api.create(PATH, service("o", {"port": 80, "nodePort": 30_080}, type="NodePort"))

    assert changed.code == 200
    assert node_ports(changed.json()) == [None]
    assert node_ports(other) == [30_080]


def test_one_port_of_two_protocols_gets_one_node_port(api: InProcess) -> None:
    ports: list[Json] = [
        {"name": "t", "port": 53, "protocol": "TCP"},
        {"name": "u", "port": 53, "protocol": "UDP"},
        {"name": "w", "port": 80},
    ]

    made = node_ports(api.create(PATH, service("dns", *ports, type="NodePort")))

    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.parametrize(
    ("port", "why"),
    [
        (30_080, "provided port is already allocated"),
        (
            80,
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
    ],
)
def test_node_port_that_is_taken_or_outside_is_refused(api: InProcess, port: int, why: str) -> None:
    api.create(PATH, service("first", {"port": 80, "nodePort": 30_080}, type="NodePort"))

    reply = api.call("POST", PATH, service("x", {"port": 1, "nodePort": port}, type="NodePort"))

    assert reply.code == 422
    assert told(reply.json()).endswith(f"spec.ports[0].nodePort: Invalid value: {port}: {why}")


def test_load_balancer_of_local_traffic_gets_a_port_for_health_checks(api: InProcess) -> None:
    made = api.create(PATH, service(type="LoadBalancer", externalTrafficPolicy="Local"))

    ports = [*node_ports(made), spec_of(made)["healthCheckNodePort"]]
    assert len(set(ports)) == 2
    assert all(port in NODE_PORTS for port in cast("list[int]", ports))


def test_status_write_leaves_addresses_as_they_are(api: InProcess) -> None:
    made = api.create(PATH, service(type="LoadBalancer"))
    status: Json = {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}

    written = api.call("PUT", f"{PATH}/s/status", {**made, "status": status})

    assert written.code == 200
    assert spec_of(written.json()) == spec_of(made)


def test_patch_that_asks_for_node_ports_gets_them(api: InProcess) -> None:
    api.create(PATH, service())
    headers = {"content-type": "application/strategic-merge-patch+json"}

    patched = api.call("PATCH", f"{PATH}/s", {"spec": {"type": "NodePort"}}, headers)

    assert patched.code == 200
    assert all(port in NODE_PORTS for port in cast("list[int]", node_ports(patched.json())))


def test_server_that_starts_again_on_a_store_knows_what_is_taken(tmp_path: Path) -> None:
    def store() -> Store:
        return STORES["etcd3"].make(StoreOptions(data_dir=tmp_path))

    with serving(store=store()) as api:
        api.create(PATH, service("first", clusterIP="10.96.0.7"))

    with serving(store=store()) as api:
        reply = api.call("POST", PATH, service("second", clusterIP="10.96.0.7"))

    assert reply.code == 422


def small(api: InProcess) -> ServiceAllocator:
    """Return an allocator of five addresses that follows the server's cache."""
    return ServiceAllocator(
        api.server.api.cache.of(SERVICES), Random(1), IPv4Network("10.0.0.0/29")
    )


def fresh(uid: str) -> Service:
    made = Service()
    made.metadata.uid = uid
    made.spec.type = "ClusterIP"
    return made


def test_range_that_is_full_is_the_server_s_fault(api: InProcess) -> None:
    allocator = small(api)
    entered = [allocator.hold(fresh(str(turn))) for turn in range(6)]
    for hold in entered:
        hold.__enter__()

    with pytest.raises(StatusError, match="range is full") as caught, allocator.hold(fresh("x")):
        pass

    assert caught.value.code == 500
    for hold in entered:
        hold.__exit__(None, None, None)
    with allocator.hold(again := fresh("y")):
        assert again.spec.clusterIP.startswith("10.0.0.")


def test_address_of_a_write_that_was_given_up_is_free_again_later(api: InProcess) -> None:
    allocator = small(api)

    async def give_up() -> str:
        late = fresh("late")
        with pytest.raises(asyncio.CancelledError), allocator.hold(late):
            raise asyncio.CancelledError
        return late.spec.clusterIP

    async def ask(address: str) -> bool:
        other = fresh("other")
        other.spec.clusterIP = address
        other.spec.clusterIPs.append(address)
        try:
            with allocator.hold(other):
                return True
        except StatusError:
            return False

    async def scenario() -> tuple[bool, bool]:
        address = await give_up()
        at_once = await ask(address)
        await asyncio.sleep(LATE_HOLD_S)
        return at_once, await ask(address)

    assert run_virtual(scenario()) == (False, True)


def test_service_keeps_an_address_of_another_range(api: InProcess) -> None:
    made = api.create(PATH, service(clusterIP="10.96.0.7", type="NodePort"))
    meta, spec = cast("dict[str, str]", made["metadata"]), spec_of(made)
    (node_port,) = cast("list[int]", node_ports(made))
    stored = fresh(meta["uid"])
    stored.spec.type = "NodePort"
    stored.spec.clusterIP = str(spec["clusterIP"])
    stored.spec.clusterIPs.append(str(spec["clusterIP"]))
    stored.spec.ports.add(port=80, nodePort=node_port)

    with small(api).hold(stored):
        assert list(stored.spec.clusterIPs) == ["10.96.0.7"]


def test_allocator_reads_everything_again_when_the_cache_has_listed_again(api: InProcess) -> None:
    api.create(PATH, service("there", clusterIP="10.96.0.7"))
    allocator = ServiceAllocator(api.server.api.cache.of(SERVICES), Random(1))
    asks = fresh("other")
    asks.spec.clusterIP = "10.96.0.7"
    asks.spec.clusterIPs.append("10.96.0.7")
    with allocator.hold(fresh("first")):
        pass
    allocator.ended(None)

    with pytest.raises(StatusError, match="already allocated"), allocator.hold(asks):
        pass
    api.call("DELETE", f"{PATH}/there")
    with allocator.hold(asks):
        pass
