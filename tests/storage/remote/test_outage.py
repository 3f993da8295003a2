"""A whole cluster over a real etcd that is away for a while: what its users meet, and after."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from cluster.client.interface import ObjectKey
from cluster.client.rest import RestClient
from cluster.kubelet.fleet import FleetOptions
from cluster.processes.in_process import Cluster, ClusterConfig
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import PODS, REPLICATION_CONTROLLERS
from storage.clock import SystemClock
from storage.remote.etcd3 import link
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url
from tests.cluster.apiserver.serving import Reply, ask_app, body_of, scope_of, told_once
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import StartEtcd, start_etcd  # noqa: F401  # a fixture
from tests.storage.recorder import Recorder

CLOCK = SystemClock()
KEY = ObjectKey("default", "web")
LABELS = {"app": "web"}
MAPS = "/api/v1/namespaces/default/configmaps"
PATIENCE_S = 40.0
CALL_S = 2.0
"""How long a call to etcd may take: the outage lasts as long as what is asked in it."""


@dataclass
class Pods:
    """What one watch of the API told of all pods; it is not opened again when it ends."""

    told: list[tuple[str, int]] = field(default_factory=list)
    """Name and resourceVersion of every event."""
    ended: str = ""
    running: set[str] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, client: RestClient, after: str) -> None:
        """Follow until the watch ends, or until cancelled."""
        events = client.watch_raw(PODS, resource_version=after)
        async with aclosing(events):
            async for chunk in events:
                for event in chunk:
                    self._take(event.type, client.decode(core.Pod, event.bare))
        self.ended = "the watch has ended"
        self.changed.set()

    def _take(self, kind: str, pod: core.Pod) -> None:
        if kind == "BOOKMARK":
            return
        self.told.append((pod.metadata.name, int(pod.metadata.resourceVersion)))
        if kind != "DELETED" and pod.status.phase == "Running":
            self.running.add(pod.metadata.name)
        else:
            self.running.discard(pod.metadata.name)
        self.changed.set()

    async def run(self, count: int) -> None:
        """Return when so many run."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.running) != count:
                assert not self.ended
                self.changed.clear()
                await self.changed.wait()


def controller(replicas: int) -> core.ReplicationController:
    made = core.ReplicationController(metadata=ObjectMeta(name=KEY.name))
    made.spec.replicas = replicas
    made.spec.selector.update(LABELS)
    made.spec.template.metadata.labels.update(LABELS)
    made.spec.template.spec.containers.add(name="c", image="nginx")
    return made


@asynccontextmanager
async def cluster_on(etcd: EtcdCluster) -> AsyncIterator[tuple[Cluster, RemoteStore]]:
    async with RemoteStore(parse_url(etcd.url), CLOCK) as store:
        config = ClusterConfig(FleetOptions(nodes=3, heartbeat_s=1.0), events=False)
        async with Cluster(config, store, CLOCK, random.Random(1)) as cluster:
            yield cluster, store


async def ask(cluster: Cluster, method: str, path: str, body: object = None) -> Reply:
    raw = b"" if body is None else json.dumps(body).encode()
    scope = scope_of(method, path, {"content-type": "application/json"} if raw else {})
    return await ask_app(cluster.server.app, scope, told_once(body_of(raw)))


def config_map(name: str) -> dict[str, dict[str, str]]:
    return {"metadata": {"name": name}}


async def outage(cluster: Cluster) -> None:
    """Ask all sorts of things of a server whose store is away."""
    *answers, ready, live, ping, cached = await asyncio.gather(
        ask(cluster, "GET", f"{MAPS}/before"),
        ask(cluster, "GET", MAPS),
        ask(cluster, "POST", MAPS, config_map("during")),
        ask(cluster, "PUT", f"{MAPS}/before", config_map("before")),
        ask(cluster, "DELETE", f"{MAPS}/before"),
        ask(cluster, "POST", f"{MAPS}?timeout=1s", config_map("hurried")),
        ask(cluster, "GET", "/readyz"),
        ask(cluster, "GET", "/livez"),
        ask(cluster, "GET", "/readyz/ping"),
        ask(cluster, "GET", f"{MAPS}/before?resourceVersion=0"),
    )
    for answer in answers:
        assert answer.code in (503, 504), answer.body
        status = answer.json()
        assert (status["kind"], status["status"]) == ("Status", "Failure")
        assert (answer.code, status["reason"]) in (
            (503, "ServiceUnavailable"),
            (504, "Timeout"),
        )
    assert [answer.code for answer in (ready, live, ping, cached)] == [500, 500, 200, 200]
    assert b"[-]etcd failed" in ready.body


async def stopped(etcd: EtcdCluster, away: Callable[[], Awaitable[None]]) -> None:
    etcd.members[0].pause()
    await away()
    etcd.members[0].resume()


async def killed(etcd: EtcdCluster, away: Callable[[], Awaitable[None]]) -> None:
    await asyncio.to_thread(etcd.members[0].kill)
    await away()
    await etcd.restart(etcd.members[0])


@pytest.mark.slow
@pytest.mark.parametrize("fault", [stopped, killed])
def test_cluster_goes_on_after_an_outage_of_its_etcd(
    fault: Callable[[EtcdCluster, Callable[[], Awaitable[None]]], Awaitable[None]],
    start_etcd: StartEtcd,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    etcd = start_etcd(EtcdOptions())
    monkeypatch.setattr(link, "CALL_S", CALL_S)

    async def scenario() -> None:
        async with cluster_on(etcd) as (cluster, store), AsyncExitStack() as stack:
            client = await cluster.client(stack, "test")
            after = (await client.list_raw(PODS)).resource_version
            pods = Pods()
            following = asyncio.ensure_future(pods.follow(client, after))
            await client.create(REPLICATION_CONTROLLERS, KEY.namespace, controller(3))
            assert (await ask(cluster, "POST", MAPS, config_map("before"))).code == 201
            await pods.run(3)

            await fault(etcd, lambda: outage(cluster))
            await etcd.healthy()
            assert (await ask(cluster, "GET", "/readyz")).code == 200
            made = await ask(cluster, "POST", MAPS, config_map("after"))
            assert made.code == 201, made.body
            scale = b'{"spec":{"replicas":6}}'
            await client.patch(REPLICATION_CONTROLLERS, core.ReplicationController, KEY, scale)
            await pods.run(6)

            whole = Recorder(int(after))
            store.watch(b"/registry/pods/", whole, after=int(after))
            await whole.reach(pods.told[-1][1])
            names = [change.key.rpartition(b"/")[2].decode() for change in whole.changes]
            expected = list(zip(names, whole.revisions, strict=True))
            assert pods.told == expected[: len(pods.told)]
            assert (await ask(cluster, "GET", f"{MAPS}/during")).code in (200, 404)
            following.cancel()

    asyncio.run(scenario())
