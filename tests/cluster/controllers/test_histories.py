"""Random histories with faults: what the controllers leave behind is what the end state says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

import pytest

from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey, TransportError
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.endpoint_slice import EndpointSliceController
from cluster.controllers.endpoints import EndpointsController
from cluster.controllers.replica_set import ReplicaSetController
from cluster.controllers.replication import ReplicationController
from cluster.controllers.runner import Controller, Runner, Surroundings
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.api.discovery import v1_pb2 as discovery
from serialization.kinds import PODS, SERVICES
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.controllers.replica_bench import rc_of, rs_of
from tests.cluster.controllers.service_bench import NODE, Said, pod, port, service

APPS: Final = ("web", "db", "mail")
STEPS: Final = 150
PODS_MAX: Final = 130
SETTLED_S: Final = 1500.0
"""A key that has failed often waits for up to 1000 s, a creation that was lost for 300."""

FAULTS: Final = (
    failure(409, message="stale"),
    failure(500, message="no"),
    TransportError("torn"),
)


class World:
    """What happens around the controllers, by one source of chance."""

    def __init__(self, api: FakeApi, chance: random.Random) -> None:
        self.api = api
        self.chance = chance
        self.names = 0

    def step(self) -> None:
        """Do one thing."""
        acts: tuple[Callable[[], None], ...] = (
            self.add_pods,
            self.add_pods,
            self.change_pods,
            self.change_pods,
            self.change_pods,
            self.remove_pods,
            self.change_service,
            self.remove_service,
            self.fault,
        )
        self.chance.choice(acts)()

    def some_pods(self) -> list[core.Pod]:
        pods = self.api.objects(core.Pod)
        return self.chance.sample(pods, min(len(pods), self.chance.randint(1, 20)))

    def add_pods(self) -> None:
        for _ in range(self.chance.randint(1, 40)):
            if len(self.api.objects(core.Pod)) < PODS_MAX:
                self.names += 1
                ip = (
                    f"10.0.{self.names >> 8}.{self.names & 255}"
                    if self.chance.random() < 0.7
                    else ""
                )
                ready = self.chance.random() < 0.5
                labels = {"app": self.chance.choice(APPS)}
                self.api.add(pod(f"p{self.names}", ip, ready=ready, labels=labels))

    def change_pods(self) -> None:
        for each in self.some_pods():
            what = self.chance.randrange(5)
            if what == 0:
                each.metadata.labels["app"] = self.chance.choice(APPS)
            elif what == 1:
                condition = core.PodCondition(type="Ready")
                condition.status = self.chance.choice(("True", "False"))
                del each.status.conditions[:]
                each.status.conditions.append(condition)
            elif what == 2:
                self.names += 1
                each.status.podIP = f"10.1.{self.names >> 8}.{self.names & 255}"
                del each.status.podIPs[:]
            elif what == 3:
                each.metadata.deletionTimestamp.seconds = 1
                each.metadata.finalizers.append("test/wait")
            else:
                each.status.phase = self.chance.choice(("Running", "Failed"))
            self.api.put(each)

    def remove_pods(self) -> None:
        for each in self.some_pods():
            key = ObjectKey(each.metadata.namespace, each.metadata.name)
            self.api.remove(PODS, key)
            if self.chance.random() < 0.3:  # another by its name
                self.api.add(pod(key.name, "10.9.9.9", labels={"app": self.chance.choice(APPS)}))

    def change_service(self) -> None:
        name = self.chance.choice(("s1", "s2"))
        known = {each.metadata.name: each for each in self.api.objects(core.Service)}
        made = known.get(name) or service(port(80, 8080))
        made.metadata.name = name
        made.spec.selector["app"] = self.chance.choice(APPS)
        if name in known:
            self.api.put(made)
        else:
            self.api.add(made)

    def remove_service(self) -> None:
        services = self.api.objects(core.Service)
        if services:
            self.api.remove(SERVICES, ObjectKey("ns", self.chance.choice(services).metadata.name))

    def fault(self) -> None:
        self.chance.choice((self.api.drop_watch, self.api.expire, self.api.end_watch))()
        for verb in ("create", "update", "update_status", "delete", "patch", "list", "watch"):
            if self.chance.random() < 0.3:
                self.api.fail_next(verb, self.chance.choice(FAULTS), self.chance.randint(1, 3))


def live(seed: int, *controllers: Callable[[Surroundings], Controller]) -> FakeApi:
    """Play a history around controllers, let it come to rest, and return what is there."""

    async def main() -> FakeApi:
        clock, chance = VirtualClock(), random.Random(seed)
        api = FakeApi(clock)
        api.add(core.Node())
        node = api.objects(core.Node)[0]
        node.metadata.name = NODE
        api.add(node)
        world = World(api, chance)
        async with (
            InformerFactory(api, clock, random.Random(seed)) as informers,
            asyncio.TaskGroup() as group,
        ):
            running = []
            for make in controllers:
                queue = RateLimitedQueue[ObjectKey]()
                controller = make(Surroundings(api, informers, queue, Said(), clock))
                running.append(group.create_task(Runner(controller, queue).run()))
            for _ in range(STEPS):
                world.step()
                await asyncio.sleep(chance.choice((0.0, 0.0, 0.01, 0.2)))
            api._faults.clear()  # those that nobody has met yet
            await asyncio.sleep(SETTLED_S)
            for task in running:
                task.cancel()
        return api

    return run_virtual(main())


def expected(api: FakeApi, of: core.Service, *, going: bool) -> tuple[list[str], list[str]]:
    """Return a service's ready and other addresses, by looking at everything."""
    ready, others = list[str](), list[str]()
    for each in api.objects(core.Pod):
        terminating = each.metadata.HasField("deletionTimestamp")
        if each.metadata.labels["app"] != of.spec.selector["app"] or not each.status.podIP:
            continue
        if each.status.phase == "Failed" or (terminating and not going):
            continue
        is_ready = each.status.conditions[0].status == "True" and not terminating
        (ready if is_ready else others).append(each.status.podIP)
    return sorted(ready), sorted(others)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_endpoints_and_slices_end_as_services_and_pods_say(seed: int) -> None:
    api = live(seed, EndpointsController, EndpointSliceController)

    services = {each.metadata.name: each for each in api.objects(core.Service)}
    assert {each.metadata.name for each in api.objects(core.Endpoints)} == set(services)
    slices = api.objects(discovery.EndpointSlice)
    uids = {each.metadata.uid for each in services.values()}
    for name, each in services.items():
        (endpoints,) = [e for e in api.objects(core.Endpoints) if e.metadata.name == name]
        found = (
            sorted(a.ip for subset in endpoints.subsets for a in subset.addresses),
            sorted(a.ip for subset in endpoints.subsets for a in subset.notReadyAddresses),
        )
        assert found == expected(api, each, going=False)
        mine = [s for s in slices if s.metadata.ownerReferences[0].uid == each.metadata.uid]
        inside = [endpoint for one in mine for endpoint in one.endpoints]
        ready = sorted(e.addresses[0] for e in inside if e.conditions.ready)
        rest = sorted(e.addresses[0] for e in inside if not e.conditions.ready)
        assert (ready, rest) == expected(api, each, going=True)
        assert all(len(one.endpoints) <= 100 for one in mine)
    # Those of services that are gone are left to garbage collection, which is not here.
    assert any(s.metadata.ownerReferences[0].uid in uids for s in slices) == bool(services)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_replicas_end_as_many_as_wanted_and_none_has_two_controllers(seed: int) -> None:
    wanted = {"web": 7, "db": 12}

    def seeded(around: Surroundings) -> Controller:
        client = around.client
        assert isinstance(client, FakeApi)
        owners: tuple[core.ReplicationController | apps.ReplicaSet, ...] = (rc_of(7), rs_of(12))
        for owner, app in zip(owners, wanted, strict=True):
            owner.metadata.name = app
            owner.spec.template.metadata.labels["app"] = app
            if isinstance(owner, apps.ReplicaSet):
                owner.spec.selector.matchLabels["app"] = app
            client.add(owner)
        return ReplicationController(around)

    api = live(seed, seeded, ReplicaSetController)

    active: dict[str, int] = {}
    for each in api.objects(core.Pod):
        controllers = [one for one in each.metadata.ownerReferences if one.controller]
        assert len(controllers) <= 1
        if each.status.phase != "Failed" and not each.metadata.HasField("deletionTimestamp"):
            app = each.metadata.labels["app"]
            assert [one.name for one in controllers] == ([app] if app in wanted else [])
            active[app] = active.get(app, 0) + 1
    assert {app: active.get(app, 0) for app in wanted} == wanted
    (rc,), (rs,) = api.objects(core.ReplicationController), api.objects(apps.ReplicaSet)
    assert (rc.status.replicas, rs.status.replicas) == (7, 12)
    assert not [*rc.status.conditions, *rs.status.conditions]
