"""The Endpoints controller: a state of services and pods, a sync, what it wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from cluster.client.failures import failure
from cluster.client.fake import Action
from cluster.client.interface import ApiError, ObjectKey
from cluster.controllers.endpoints import (
    MANAGED_BY,
    MANAGER,
    OVER_CAPACITY,
    EndpointsController,
)
from cluster.controllers.service_endpoints.reading import HEADLESS, TRIGGER_TIME
from cluster.controllers.service_endpoints.subsets import ADDRESSES_MAX
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta, StatusCause
from serialization.kinds import PODS, SERVICES
from serialization.plain import plain
from tests.cluster.controllers.service_bench import (
    KEY,
    NODE,
    Bench,
    pod,
    port,
    run_on,
    service,
)
from tests.cluster.settling import rest

CREATED = [Action("create", "endpoints", KEY)]
UPDATED = [Action("update", "endpoints", KEY)]


def run(scenario: Callable[[Bench], Any]) -> None:
    run_on(EndpointsController, scenario)


def told(at: Bench) -> list[dict[str, list[str]]]:
    """Return the subsets in short: addresses and ports as text."""
    (found,) = at.api.objects(core.Endpoints)
    return [
        {
            "ready": [each.ip for each in subset.addresses],
            "not": [each.ip for each in subset.notReadyAddresses],
            "ports": [f"{each.name}:{each.port}/{each.protocol}" for each in subset.ports],
        }
        for subset in found.subsets
    ]


class Case(NamedTuple):
    """A service, its pods, and the subsets that follow."""

    name: str
    service: core.Service
    pods: list[core.Pod]
    subsets: list[dict[str, list[str]]]


def subset(ready: str, unready: str = "", ports: str = ":80/TCP") -> dict[str, list[str]]:
    return {"ready": ready.split(), "not": unready.split(), "ports": ports.split()}


def deleted(made: core.Pod) -> core.Pod:
    made.metadata.deletionTimestamp.seconds = 1_800_000_000
    made.metadata.deletionGracePeriodSeconds = 30
    return made


def dual(made: core.Pod, *ips: str) -> core.Pod:
    made.status.podIP = ips[0]
    made.status.podIPs.extend(core.PodIP(ip=ip) for ip in ips)
    return made


def sidecar(made: core.Pod) -> core.Pod:
    made.spec.initContainers.append(
        core.Container(
            name="s",
            restartPolicy="Always",
            ports=[core.ContainerPort(name="side", containerPort=9000)],
        )
    )
    return made


CASES = [
    Case("no pods", service(port()), [], []),
    Case(
        "ready and not, in order of address",
        service(port()),
        [pod("c", "10.0.0.9"), pod("a", "10.0.0.10"), pod("b", "10.0.0.2", ready=False)],
        [subset("10.0.0.10 10.0.0.9", "10.0.0.2")],
    ),
    Case("other labels", service(port()), [pod("a", "10.0.0.1", labels={"app": "db"})], []),
    Case("more labels", service(port()), [pod("a", "1.1.1.1", labels={"app": "web", "x": "y"})],
         [subset("1.1.1.1")]),
    Case("without address", service(port()), [pod("a")], []),
    Case("finished", service(port()), [pod("a", "1.1.1.1", phase="Succeeded"),
                                       pod("b", "1.1.1.2", phase="Failed")], []),
    Case("on its way out", service(port()), [deleted(pod("a", "1.1.1.1"))], []),
    Case(
        "on its way out, unready ones wanted",
        service(port(), publishNotReadyAddresses=True),
        [deleted(pod("a", "1.1.1.1")), pod("b", "1.1.1.2", ready=False)],
        [subset("1.1.1.1 1.1.1.2")],
    ),
    Case("target port", service(port(80, 8080)), [pod("a", "1.1.1.1")],
         [subset("1.1.1.1", ports=":8080/TCP")]),
    Case(
        "named target port of each pod's own",
        service(port(80, "http", "web"), port(9, 9, "metrics")),
        [pod("a", "1.1.1.1", ports={"http": 8080}), pod("b", "1.1.1.2", ports={"http": 8081}),
         pod("c", "1.1.1.3")],
        [subset("1.1.1.1 1.1.1.2 1.1.1.3", ports="metrics:9/TCP"),
         subset("1.1.1.1", ports="web:8080/TCP"), subset("1.1.1.2", ports="web:8081/TCP")],
    ),
    Case("named port of another protocol", service(port(80, "http", protocol="UDP")),
         [pod("a", "1.1.1.1", ports={"http": 8080})], []),
    Case("named port of a sidecar", service(port(80, "side")), [sidecar(pod("a", "1.1.1.1"))],
         [subset("1.1.1.1", ports=":9000/TCP")]),
    Case("several ports together", service(port(80, name="b"), port(81, name="a")),
         [pod("a", "1.1.1.1")], [subset("1.1.1.1", ports="a:81/TCP b:80/TCP")]),
    Case("headless without ports", service(clusterIP="None"), [pod("a", "1.1.1.1")],
         [subset("1.1.1.1", ports="")]),
    Case("without ports", service(), [pod("a", "1.1.1.1")], []),
    Case("addresses of the service's family", service(port(), ipFamilies=["IPv6", "IPv4"]),
         [dual(pod("a"), "1.1.1.1", "fd00::1"), pod("b", "1.1.1.2")], [subset("fd00::1")]),
    Case("family of the service's address", service(port(), clusterIP="fd00::9"),
         [dual(pod("a"), "1.1.1.1", "fd00::1")], [subset("fd00::1")]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_endpoints_follow_from_service_and_pods(case: Case) -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(case.service)
        for each in case.pods:
            at.api.add(each)

        assert await at.sync() == CREATED
        assert told(at) == case.subsets
        assert await at.sync() == []

    run(scenario)


def test_address_tells_of_its_pod_and_labels_of_the_service() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port(appProtocol="h2c"), clusterIP="None", labels={"team": "x"}))
        made = at.api.add(pod("a", "1.1.1.1", hostname="host", subdomain="web", since_s=100))
        at.api.add(pod("b", "1.1.1.2", hostname="host", subdomain="elsewhere"))

        await at.sync()

        (found,) = at.api.objects(core.Endpoints)
        first, second = found.subsets[0].addresses
        target = {"kind": "Pod", "namespace": "ns", "name": "a", "uid": made.metadata.uid}
        assert plain(first) == {
            "ip": "1.1.1.1", "hostname": "host", "nodeName": NODE, "targetRef": target,
        }  # fmt: skip
        assert not second.hostname
        assert plain(found.subsets[0].ports[0]) == {
            "port": 80, "protocol": "TCP", "appProtocol": "h2c",
        }  # fmt: skip
        assert found.metadata.labels == {"team": "x", MANAGED_BY: MANAGER, HEADLESS: ""}

    run(scenario)


def unmanaged() -> list[core.Service]:
    return [
        service(port(), selector={}),
        service(port(), type="ExternalName", externalName="example.com"),
    ]


@pytest.mark.parametrize("made", unmanaged(), ids=["no selector", "external name"])
def test_service_that_is_not_ours_is_left_alone(made: core.Service) -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(made)
        at.api.add(pod("a", "1.1.1.1"))
        at.api.add(core.Endpoints(metadata=ObjectMeta(namespace="ns", name="web")))

        assert await at.sync() == []

    run(scenario)


def test_endpoints_go_with_their_service() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        await at.sync()
        at.api.remove(SERVICES, KEY)

        assert await at.sync() == [Action("delete", "endpoints", KEY)]
        assert await at.sync() == []

    run(scenario)


def test_endpoints_without_a_service_are_put_in_line_only_if_they_are_ours() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(core.Endpoints(metadata=ObjectMeta(namespace="ns", name="by-hand")))
        left_over = core.Endpoints(metadata=ObjectMeta(namespace="ns", name="left-over"))
        left_over.metadata.labels[MANAGED_BY] = MANAGER
        at.api.add(left_over)

        async with at.running():
            await asyncio.sleep(1)

        assert at.api.acted() == [Action("delete", "endpoints", ObjectKey("ns", "left-over"))]

    run(scenario)


def test_what_others_changed_is_put_right_and_annotations_of_others_stay() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        at.api.add(pod("a", "1.1.1.1"))
        await at.sync()
        found = at.api.objects(core.Endpoints)[0]
        del found.subsets[:]
        found.metadata.annotations["note"] = "mine"
        at.api.put(found)

        assert await at.sync() == UPDATED
        assert told(at) == [subset("1.1.1.1")]
        assert at.api.objects(core.Endpoints)[0].metadata.annotations["note"] == "mine"

    run(scenario)


def test_change_tells_when_it_happened_and_a_removal_does_not() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        at.api.add(pod("a", "1.1.1.1"))
        await at.sync()
        at.api.add(pod("b", "1.1.1.2", since_s=1_800_000_000))
        at.api.add(pod("c", "1.1.1.3", since_s=1_800_000_100))
        await at.sync()
        after_two = at.api.objects(core.Endpoints)[0].metadata.annotations[TRIGGER_TIME]
        at.api.remove(PODS, ObjectKey("ns", "c"))
        await at.sync()

        assert after_two == "2027-01-15T08:00:00Z"
        assert TRIGGER_TIME not in at.api.objects(core.Endpoints)[0].metadata.annotations

    run(scenario)


def test_addresses_beyond_capacity_are_cut_and_told() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        for number in range(ADDRESSES_MAX + 2):
            at.api.add(pod(f"p{number:04}", f"10.1.{number >> 8}.{number & 255}", ready=number > 4))
        await at.sync()
        found = at.api.objects(core.Endpoints)[0]
        counts = len(found.subsets[0].addresses), len(found.subsets[0].notReadyAddresses)
        annotation = found.metadata.annotations[OVER_CAPACITY]
        for number in range(2):
            at.api.remove(PODS, ObjectKey("ns", f"p{number:04}"))
        await at.sync()

        assert (counts, annotation) == ((ADDRESSES_MAX - 3, 3), "truncated")
        again = at.api.objects(core.Endpoints)[0]
        assert len(again.subsets[0].notReadyAddresses) == 3
        assert OVER_CAPACITY not in again.metadata.annotations

    run(scenario)


def test_pods_that_come_together_are_written_together_and_seen_by_labels() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        async with at.running():
            await asyncio.sleep(1)
            for number in range(30):
                at.api.add(pod(f"p{number}", f"10.0.0.{number}"))
                await asyncio.sleep(0.001)
            await asyncio.sleep(1)
            writes = len(at.api.acted("update"))
            relabelled = at.api.objects(core.Pod)[0]
            relabelled.metadata.labels["app"] = "old"
            at.api.put(relabelled)
            at.api.add(pod("other", "10.0.1.1", labels={"app": "db"}))
            await asyncio.sleep(1)
            updates = len(at.api.acted("update"))
            changed = at.api.objects(core.Service)[0]
            changed.spec.selector["app"] = "db"
            at.api.put(changed)
            await asyncio.sleep(1)

        assert (writes, updates) == (1, 2)
        assert told(at) == [subset("10.0.1.1")]

    run(scenario)


def test_kubelet_writes_that_say_nothing_new_cause_no_sync() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        made = at.api.add(pod("a", "1.1.1.1"))
        async with at.running():
            await asyncio.sleep(1)
            before = at.queue.adds
            made.status.message = "hello"
            at.api.put(made)
            await asyncio.sleep(1)

            assert at.queue.adds == before

    run(scenario)


def test_stale_cache_is_waited_for_instead_of_written_from() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        await asyncio.sleep(1)
        await at.controller.sync(KEY)
        await at.controller.sync(KEY)  # its own creation has not come back yet

        assert at.api.acted() == CREATED

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

        assert [reason for reason, _text in at.said.events] == ["FailedToCreateEndpoint"]
        assert at.api.objects(core.Endpoints) == []
        assert await at.sync() == CREATED

    run(scenario)


def test_endpoints_of_a_service_made_again_are_kept_and_rewritten() -> None:
    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        at.api.add(pod("a", "1.1.1.1"))
        async with at.running():
            await asyncio.sleep(1)
            at.api.remove(SERVICES, KEY)
            at.api.add(service(port(81)))
            await asyncio.sleep(1)

        assert told(at) == [subset("1.1.1.1", ports=":81/TCP")]
        assert len(at.api.objects(core.Endpoints)) == 1

    run(scenario)


def test_change_of_a_service_that_is_gone_is_not_kept() -> None:
    """A write that fails because its service goes puts the time of the change back."""

    async def scenario(at: Bench) -> None:
        at.api.add(service(port()))
        await rest()
        assert isinstance(at.controller, EndpointsController)
        pods = at.controller._pods
        pods.trigger(KEY, 17)
        known_s = pods.take_trigger_s(KEY)

        at.api.remove(SERVICES, KEY)
        await rest()
        pods.trigger(KEY, 17)

        assert (known_s, pods.take_trigger_s(KEY)) == (17, 0)

    run(scenario)
