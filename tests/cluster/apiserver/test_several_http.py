"""Several API servers on one store, over HTTP: the fake that lags, and a real etcd."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import cast
from uuid import uuid4

import pytest

from cluster.apiserver.allocation.claim_keys import ADDRESSES, PORTS
from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from cluster.apiserver.kubelets import dial_http
from cluster.apiserver.listener import bind, listen, url_of
from cluster.client.exchange import Exchange, Request
from cluster.client.informer import InformerFactory
from cluster.client.interface import EVERYTHING
from cluster.client.rest import ClientOptions, RestClient
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.registry import CODECS
from serialization.kinds import PODS as KINDS_PODS
from storage.clock import SystemClock
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url
from tests.cluster.apiserver.allocation.test_services import PATH as SERVICES
from tests.cluster.apiserver.allocation.test_services import node_ports, service, spec_of
from tests.cluster.apiserver.kinds import PODS_PATH, pod
from tests.cluster.apiserver.linear import PATH, Clients, Order, version_of
from tests.cluster.apiserver.serving import Json, Reply
from tests.cluster.apiserver.test_several_reads import config_map
from tests.cluster.client.following import Recording
from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.shared.store import SharedView

CLOCK = SystemClock()
TIMEOUT_S = 30.0


class HttpServer:
    """A server that listens, and a connection to it for each call that is under way."""

    def __init__(self, url: str, assembly: Assembly) -> None:
        self.assembly = assembly
        self.url = url
        self._idle: list[Exchange] = []

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and return its answer."""
        raw = b"" if body is None else json.dumps(body).encode()
        fields = {"content-type": "application/json"} | dict(headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
        exchange = self._idle.pop() if self._idle else dial_http(self.url, CLOCK)
        answer = await exchange.request(Request(method, path, head, raw), timeout_s=TIMEOUT_S)
        self._idle.append(exchange)
        return Reply(answer.code, [], answer.body)

    def close(self) -> None:
        """Drop the connections."""
        for exchange in self._idle:
            exchange.close()


@asynccontextmanager
async def listening(stores: list[Store]) -> AsyncIterator[list[HttpServer]]:
    """Run a server that listens over each store while entered."""
    async with AsyncExitStack() as stack:
        servers = []
        for store in stores:
            config = ServerConfig(CODECS["protobuf"])
            assembly = await stack.enter_async_context(assemble(store, config, CLOCK, Random(1)))
            sock = bind("127.0.0.1", 0)
            end = assembly.fanout.shut_down
            await stack.enter_async_context(listen(assembly.app, sock, end_watches=end))
            servers.append(HttpServer(url_of(sock), assembly))
            stack.callback(servers[-1].close)
        yield servers


async def play(servers: list[HttpServer], order: Order, seed: int) -> None:
    """Let four clients send 200 random requests, and judge the answers."""
    clients = Clients(servers, order, Random(seed))
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(clients.work(50))

    assert {("GET", 200), ("POST", 201), ("PUT", 200), ("DELETE", 200)} <= set(clients.codes)
    for server in servers:
        counters = server.assembly.counters()
        asked = counters["consistent_reads_asked"]
        assert 0 < counters["latest_revision_calls"] <= asked


@pytest.mark.slow
def test_answers_over_http_are_linearizable_whatever_the_lag() -> None:
    async def scenario() -> None:
        chance = Random(1)
        async with AsyncExitStack() as stack:
            truth = await stack.enter_async_context(
                STORES["memory"].make(StoreOptions(inline_commits=True))
            )
            views = [await stack.enter_async_context(SharedView(truth, chance)) for _ in range(2)]
            async with listening(list(views)) as servers:
                for view in views:
                    view.lag_s, view.call_s = 0.02, 0.002
                await play(servers, Order(truth), 1)

    asyncio.run(scenario())


@asynccontextmanager
async def on_etcd(cluster: EtcdCluster) -> AsyncIterator[tuple[list[HttpServer], Store]]:
    """Run two servers on a real etcd, under keys of their own; give a third view of it, too."""
    url = parse_url(f"{cluster.url}?prefix=/several-{uuid4().hex[:8]}")
    async with (
        RemoteStore(url, CLOCK) as one,
        RemoteStore(url, CLOCK) as other,
        RemoteStore(url, CLOCK) as judge,
        listening([one, other]) as servers,
    ):
        yield servers, judge


@pytest.mark.slow
def test_answers_over_a_real_etcd_are_linearizable(shared_etcd: EtcdCluster) -> None:  # noqa: F811
    async def scenario() -> None:
        async with on_etcd(shared_etcd) as (servers, judge):
            await play(servers, Order(judge), 2)
            written = await servers[0].call("POST", PATH, config_map("last"))
            read = await servers[1].call("GET", f"{PATH}/last")

            assert read.json() == written.json()
            assert version_of(read.json()) > 1

    asyncio.run(scenario())


@pytest.mark.slow
def test_services_of_two_servers_share_nothing_on_a_real_etcd(
    shared_etcd: EtcdCluster,  # noqa: F811
) -> None:
    async def scenario() -> None:
        async with on_etcd(shared_etcd) as (servers, judge):
            port: Json = {"port": 80, "nodePort": 31_000}
            wanted = [service(f"s{n}", type="NodePort") for n in range(30)]
            wanted += [service(f"t{n}", port, type="NodePort") for n in range(4)]

            replies = await asyncio.gather(
                *(servers[n % 2].call("POST", SERVICES, obj) for n, obj in enumerate(wanted))
            )

            made = [reply.json() for reply in replies if reply.code == 201]
            assert sorted(reply.code for reply in replies) == [201] * 31 + [422] * 3
            assert len({spec_of(obj)["clusterIP"] for obj in made}) == 31
            assert len({node_ports(obj)[0] for obj in made}) == 31
            assert await judge.count(ADDRESSES) == await judge.count(PORTS) == 31

            for n, obj in enumerate(made):
                name = cast("Json", obj["metadata"])["name"]
                gone = await servers[n % 2].call("DELETE", f"{SERVICES}/{name}")
                assert gone.code == 200
            assert await judge.count(ADDRESSES) == await judge.count(PORTS) == 0

    asyncio.run(scenario())


@pytest.mark.slow
def test_informers_on_two_servers_are_told_the_same_on_a_real_etcd(
    shared_etcd: EtcdCluster,  # noqa: F811
) -> None:
    async def scenario() -> None:
        async with on_etcd(shared_etcd) as (servers, _judge), AsyncExitStack() as stack:
            sinks = []
            for server in servers:
                client = RestClient(ClientOptions(server.url), CLOCK)
                await stack.enter_async_context(client)
                factory = InformerFactory(client, CLOCK, Random(1))
                await stack.enter_async_context(factory)
                informer = factory.informer(KINDS_PODS, Pod, EVERYTHING)
                sinks.append(Recording())
                informer.subscribe(sinks[-1])
                await informer.wait_synced()
            for n in range(20):
                reply = await servers[n % 2].call("POST", PODS_PATH, pod(f"p{n:02}"))
                assert reply.code == 201, reply.body
                if n % 3 == 0:
                    path = f"{PODS_PATH}/p{n:02}?gracePeriodSeconds=0"
                    assert (await servers[(n + 1) % 2].call("DELETE", path)).code == 200
            for sink in sinks:
                await sink.until(lambda sink=sink: len(sink.told) >= 34)  # type: ignore[misc]  # bound now

            assert sinks[0].told == sinks[1].told
            assert sinks[0].told[:3] == [("added", "p00"), ("updated", "p00"), ("deleted", "p00")]

    asyncio.run(scenario())
