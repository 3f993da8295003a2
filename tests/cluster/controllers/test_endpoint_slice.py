"""The EndpointSlice controller: a state of services and pods, a sync, what it wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster.client.failures import failure
from cluster.client.interface import ApiError, ObjectKey
from cluster.controllers.endpoint_slice import (
    MANAGED_BY,
    MANAGER,
    NODE_RETRY_S,
    SERVICE_NAME,
    EndpointSliceController,
)
from cluster.controllers.service_endpoints.reading import HEADLESS, TRIGGER_TIME
from serialization.api.core import v1_pb2 as core
from serialization.api.discovery import v1_pb2 as discovery
from serialization.api.meta.v1_pb2 import ObjectMeta, StatusCause
from serialization.kinds import ENDPOINT_SLICES, PODS, SERVICES
from serialization.plain import plain
from tests.cluster.controllers.service_bench import (
    KEY,
    NODE,
    ZONE,
    Bench,
    pod,
    port,
    run_on,
    service,
)
from tests.cluster.controllers.test_endpoints import deleted, dual, unmanaged


def run(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    run_on(EndpointSliceController, scenario)


def slices(at: Bench) -> list[discovery.EndpointSlice]:
    return at.api.objects(discovery.EndpointSlice)


def verbs(at: Bench) -> list[str]:
    return [action.verb for action in at.api.acted()]


def addresses(slice_: discovery.EndpointSlice) -> list[str]:
    return [endpoint.addresses[0] for endpoint in slice_.endpoints]


def test_slice_tells_of_its_pods_its_service_and_the_time_of_the_change() -> None:
    async def scenario(at: Bench) -> None:
        owner = at.api.add(
            service(port(80, "http", "web", appProtocol="h2c"), labels={"team": "x"})
        )
        made = at.api.add(
            pod("a", "1.1.1.1", ports={"http": 8080}, hostname="host", subdomain="web")
        )

        await at.sync()

        (found,) = slices(at)
        assert found.metadata.name.startswith("web-")
        assert found.metadata.generateName == "web-"
        assert found.metadata.labels == {"team": "x", SERVICE_NAME: "web", MANAGED_BY: MANAGER}
        assert found.metadata.annotations == {TRIGGER_TIME: "2026-01-01T00:00:00Z"}
        assert [plain(each) for each in found.metadata.ownerReferences] == [{
            "apiVersion": "v1", "kind": "Service", "name": "web", "uid": owner.metadata.uid,
            "controller": True, "blockOwnerDeletion": True,
        }]  # fmt: skip
        assert found.addressType == "IPv4"
        assert [plain(each) for each in found.ports] == [
            {"name": "web", "protocol": "TCP", "port": 8080, "appProtocol": "h2c"}
        ]
        target = {"kind": "Pod", "namespace": "ns", "name": "a", "uid": made.metadata.uid}
        assert [plain(each) for each in found.endpoints] == [{
            "addresses": ["1.1.1.1"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "hostname": "host", "targetRef": target, "nodeName": NODE, "zone": ZONE,
        }]  # fmt: skip

    run(scenario)


CONDITIONS = {
    "ready": (pod("a", "1.1.1.1"), False, (True, True, False)),
    "unready": (pod("a", "1.1.1.1", ready=False), False, (False, False, False)),
    "going and ready": (deleted(pod("a", "1.1.1.1")), False, (False, True, True)),
    "going": (deleted(pod("a", "1.1.1.1", ready=False)), False, (False, False, True)),
    "published": (pod("a", "1.1.1.1", ready=False), True, (True, False, False)),
    "published and going": (deleted(pod("a", "1.1.1.1")), True, (True, True, True)),
    "finished": (pod("a", "1.1.1.1", phase="Failed"), False, None),
    "without address": (pod("a"), False, None),
}


@pytest.mark.parametrize(("made", "publish", "expected"), CONDITIONS.values(), ids=list(CONDITIONS))
def test_conditions_of_an_endpoint(
    made: core.Pod, publish: bool, expected: tuple[bool, bool, bool] | None
) -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port(), publishNotReadyAddresses=publish))
        at.api.add(made)

        await at.sync()

        found = [each.conditions for each in slices(at)[0].endpoints]
        assert [(c.ready, c.serving, c.terminating) for c in found] == (
            [] if expected is None else [expected]
        )

    run(scenario)


def test_service_without_pods_has_an_empty_slice_that_the_first_pod_fills() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port(), clusterIP="None"))
        await at.sync()
        (empty,) = slices(at)
        at.api.add(pod("a", "1.1.1.1"))
        await at.sync()
        at.api.remove(PODS, ObjectKey("ns", "a"))
        await at.sync()

        (found,) = slices(at)
        assert (len(empty.ports), len(empty.endpoints)) == (0, 0)
        assert empty.metadata.labels[HEADLESS] == ""
        assert found.metadata.uid == empty.metadata.uid
        assert (len(found.ports), len(found.endpoints)) == (0, 0)
        assert verbs(at) == ["create", "update", "update"]

    run(scenario)


def test_hundred_fit_into_a_slice_and_a_change_writes_one() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        for number in range(250):
            at.api.add(pod(f"p{number:03}", f"10.0.0.{number}"))
        await at.sync()
        sizes = sorted(len(each.endpoints) for each in slices(at))
        at.api.remove(PODS, ObjectKey("ns", "p120"))
        at.api.add(pod("q", "10.0.1.1"))
        writes = await at.sync()

        assert sizes == [50, 100, 100]
        assert [each.verb for each in writes] == ["update"]
        assert sum(len(each.endpoints) for each in slices(at)) == 250

    run(scenario)


def test_pods_that_resolve_ports_differently_are_in_different_slices() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port(80, "http"), port(9, name="z"), port(8, name="a")))
        at.api.add(pod("a", "1.1.1.1", ports={"http": 8080}))
        at.api.add(pod("b", "1.1.1.2", ports={"http": 8081}))
        await at.sync()

        told = {tuple(p.port for p in each.ports): addresses(each) for each in slices(at)}
        assert told == {(8080, 9, 8): ["1.1.1.1"], (8081, 9, 8): ["1.1.1.2"]}

    run(scenario)


def test_each_family_has_slices_of_its_own() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port(), ipFamilies=["IPv4", "IPv6"]))
        at.api.add(dual(pod("a"), "1.1.1.1", "fd00::1"))
        at.api.add(pod("b", "1.1.1.2"))
        await at.sync()
        both = {each.addressType: addresses(each) for each in slices(at)}
        changed = at.api.objects(core.Service)[0]
        del changed.spec.ipFamilies[1:]
        at.api.put(changed)
        await at.sync()

        assert both == {"IPv4": ["1.1.1.1", "1.1.1.2"], "IPv6": ["fd00::1"]}
        assert [each.addressType for each in slices(at)] == ["IPv4"]

    run(scenario)


@pytest.mark.parametrize("made", unmanaged(), ids=["no selector", "external name"])
def test_service_that_is_not_ours_is_left_alone(made: core.Service) -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(made)
        at.api.add(pod("a", "1.1.1.1"))

        assert await at.sync() == []

    run(scenario)


def test_slices_of_others_are_left_alone_and_those_of_a_former_service_replaced() -> None:
    async def scenario(at: Bench) -> None:
        by_hand = discovery.EndpointSlice(
            metadata=ObjectMeta(namespace="ns", name="by-hand", labels={SERVICE_NAME: "web"}),
            addressType="IPv4",
        )
        at.api.add(by_hand)
        at.api.add(service(port()))
        at.api.add(pod("a", "1.1.1.1"))
        await at.sync()
        former = {each.metadata.uid for each in slices(at)}
        at.api.remove(SERVICES, KEY)
        left_to_garbage_collection = await at.sync()
        at.api.add(service(port()))
        await at.sync()

        assert left_to_garbage_collection == []
        mine, made = slices(at)
        assert mine.metadata.name == "by-hand"
        assert made.metadata.uid not in former
        assert addresses(made) == ["1.1.1.1"]

    run(scenario)


def test_what_others_changed_is_put_right() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        at.api.add(pod("a", "1.1.1.1"))
        async with at.running():
            await asyncio.sleep(1)
            found = slices(at)[0]
            del found.endpoints[:]
            at.api.put(found)
            await asyncio.sleep(1)
            emptied = addresses(slices(at)[0])
            at.api.remove(ENDPOINT_SLICES, ObjectKey("ns", found.metadata.name))
            await asyncio.sleep(1)
            removed = addresses(slices(at)[0])
            changed = at.api.objects(core.Service)[0]
            changed.metadata.labels["team"] = "x"
            at.api.put(changed)
            await asyncio.sleep(1)

        assert (emptied, removed) == (["1.1.1.1"], ["1.1.1.1"])
        assert slices(at)[0].metadata.labels["team"] == "x"
        assert verbs(at) == ["create", "update", "create", "update"]

    run(scenario)


def test_pod_on_an_unknown_node_waits_for_its_node() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        at.api.add(pod("a", "1.1.1.1", nodeName="later"))
        async with at.running():
            await asyncio.sleep(1)
            before = addresses(slices(at)[0])
            at.api.add(core.Node(metadata=ObjectMeta(name="later")))
            await asyncio.sleep(NODE_RETRY_S)

        assert (before, addresses(slices(at)[0])) == ([], ["1.1.1.1"])
        assert not slices(at)[0].endpoints[0].zone

    run(scenario)


def test_stale_cache_is_waited_for_instead_of_written_from() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        await asyncio.sleep(1)
        await at.controller.sync(KEY)
        await at.controller.sync(KEY)  # its own creation has not come back yet

        assert verbs(at) == ["create"]

    run(scenario)


def test_held_back_service_is_looked_at_once_the_cache_has_caught_up() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        await asyncio.sleep(1)
        async with at.running():
            at.queue.add(KEY)
            for number in range(50):
                at.api.add(pod(f"p{number}", f"10.0.0.{number}"))
                at.queue.add(KEY)
                await asyncio.sleep(0)
            await asyncio.sleep(1)

        assert len(slices(at)) == 1
        assert len(slices(at)[0].endpoints) == 50

    run(scenario)


def test_refused_write_is_told_and_tried_again_but_not_in_a_namespace_that_ends() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        at.api.fail_next("create", failure(500, message="no"))
        with pytest.raises(ApiError):
            await at.sync()
        ending = failure(403, message="is being terminated")
        ending.status.details.causes.append(StatusCause(reason="NamespaceTerminating"))
        at.api.fail_next("create", ending)
        await at.sync()

        assert [reason for reason, _text in at.said.events] == ["FailedToUpdateEndpointSlices"]
        assert slices(at) == []

    run(scenario)


def test_torn_watches_and_conflicts_end_in_the_right_slices() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        async with at.running():
            for number in range(120):
                at.api.add(pod(f"p{number}", f"10.0.0.{number}"))
                if number % 20 == 0:
                    at.api.fail_next("update", failure(409, message="stale"))
                    at.api.drop_watch()
                if number % 50 == 0:
                    at.api.expire()
                await asyncio.sleep(0.05)
            for number in range(0, 120, 2):
                at.api.remove(PODS, ObjectKey("ns", f"p{number}"))
            await asyncio.sleep(120)

        left = sorted(address for each in slices(at) for address in addresses(each))
        assert left == sorted(f"10.0.0.{number}" for number in range(1, 120, 2))
        assert all(len(each.endpoints) <= 100 for each in slices(at))

    run(scenario)
