"""Client and informers against the real API server, over sockets, through its restart."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.listener import bind, listen, url_of
from cluster.client.informer import InformerFactory
from cluster.client.inprocess import InProcessExchange
from cluster.client.interface import ApiError, ObjectKey, PatchType, Selection, TransportError
from cluster.client.rest import ClientOptions, RestClient
from serialization.api.core.v1_pb2 import Binding, Container, ObjectReference, Pod, PodSpec
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import PODS
from storage.clock import SystemClock
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from tests.cluster.client.following import FAST, Recording

CLOCK = SystemClock()


@asynccontextmanager
async def server(store: Store, sock: socket.socket) -> AsyncIterator[None]:
    config = ServerConfig(CODECS["protobuf"])
    async with assemble(store, config, CLOCK, random.Random(7)) as made, listen(made.app, sock):
        yield


@asynccontextmanager
async def over_sockets(codec: str) -> AsyncIterator[RestClient]:
    sock = bind("127.0.0.1", 0)
    options = ClientOptions(url_of(sock), codec=codec)
    async with memory() as store, server(store, sock), RestClient(options, CLOCK) as client:
        yield client


@asynccontextmanager
async def in_process(codec: str) -> AsyncIterator[RestClient]:
    config = ServerConfig(CODECS["protobuf"])
    async with (
        memory() as store,
        assemble(store, config, CLOCK, random.Random(7)) as made,
        InProcessExchange(made.app, CLOCK) as exchange,
        RestClient(ClientOptions("", codec=codec), CLOCK, exchange) as client,
    ):
        yield client


def memory() -> Store:
    return STORES["memory"].make(StoreOptions(clock=CLOCK))


def pod(name: str) -> Pod:
    return Pod(
        metadata=ObjectMeta(namespace="default", name=name, labels={"app": "x"}),
        spec=PodSpec(containers=[Container(name="c", image="i")]),
    )


@pytest.fixture(params=sorted(CODECS))
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    "wired",
    [pytest.param(over_sockets, marks=pytest.mark.slow), in_process],
    ids=["sockets", "inprocess"],
)
def test_client_does_a_pods_life_on_the_real_server(
    codec: str, wired: Callable[[str], AbstractAsyncContextManager[RestClient]]
) -> None:
    async def scenario() -> list[str]:
        async with (
            asyncio.timeout(90),
            wired(codec) as client,
            InformerFactory(client, CLOCK, random.Random(1), options=FAST) as factory,
        ):
            sink = Recording()
            informer = factory.informer(PODS, Pod, Selection("default", "app=x"))
            informer.subscribe(sink)
            await informer.wait_synced()
            made = await client.create(PODS, "default", pod("a"))
            with pytest.raises(ApiError, match="AlreadyExists"):
                await client.create(PODS, "default", pod("a"))
            target = ObjectReference(kind="Node", name="n")
            await client.bind("default", Binding(metadata=ObjectMeta(name="a"), target=target))
            with pytest.raises(ApiError, match="Conflict"):
                await client.update_status(PODS, made)
            bound = await client.get(PODS, Pod, ObjectKey("default", "a"))
            bound.status.phase = "Running"
            await client.update_status(PODS, bound)
            listed = await client.list_raw(PODS, Selection(fields="spec.nodeName=n"))
            assert client.decode(Pod, listed.items[0]).status.phase == "Running"
            key = ObjectKey("default", "a")
            await client.delete(PODS, key, grace_period_s=0, uid=bound.metadata.uid)
            await sink.until(lambda: ("deleted", "a") in sink.told)
            with pytest.raises(ApiError, match="NotFound"):
                await client.get(PODS, Pod, key)
            return [what for what, _ in sink.told]

    told = asyncio.run(scenario())

    assert told[:3] == ["added", "updated", "updated"]
    assert told[-1] == "deleted"


def test_client_patches_on_the_real_server(codec: str) -> None:
    async def scenario() -> None:
        key = ObjectKey("default", "a")
        async with asyncio.timeout(90), in_process(codec) as client:
            made = await client.create(PODS, "default", pod("a"))
            ready = b'{"status":{"conditions":[{"type":"%b","status":"True"}]}}'
            for condition in (b"Ready", b"Odd"):
                await client.patch(
                    PODS,
                    Pod,
                    key,
                    ready % condition,
                    kind=PatchType.STRATEGIC,
                    subresource="status",
                )
            operation = b'[{"op":"replace","path":"/metadata/labels/app","value":"y"}]'
            await client.patch(PODS, Pod, key, operation, kind=PatchType.JSON)
            left = await client.patch(PODS, Pod, key, b'{"metadata":{"labels":{"b":"1"}}}')
            stale = (
                b'{"metadata":{"resourceVersion":"%b"}}' % made.metadata.resourceVersion.encode()
            )
            with pytest.raises(ApiError, match="Conflict"):
                await client.patch(PODS, Pod, key, stale)

        assert {each.type for each in left.status.conditions} == {"Ready", "Odd"}
        assert dict(left.metadata.labels) == {"app": "y", "b": "1"}

    asyncio.run(scenario())


@pytest.mark.slow
def test_informer_outlives_a_restart_of_its_server() -> None:
    async def scenario() -> tuple[list[tuple[str, str]], int]:
        sock = bind("127.0.0.1", 0)
        port = int(sock.getsockname()[1])
        async with (
            asyncio.timeout(90),
            memory() as opened,
            RestClient(ClientOptions(url_of(sock)), CLOCK) as client,
            InformerFactory(client, CLOCK, random.Random(1), options=FAST) as factory,
        ):
            sink = Recording()
            informer = factory.informer(PODS, Pod)
            informer.subscribe(sink)
            async with server(opened, sock):
                await informer.wait_synced()
                await client.create(PODS, "default", pod("a"))
                await sink.until(lambda: len(sink.told) == 1)
            with pytest.raises(TransportError):
                await client.create(PODS, "default", pod("b"))
            async with server(opened, bind("127.0.0.1", port)):
                await client.create(PODS, "default", pod("b"))
                await sink.until(lambda: len(sink.told) == 2)
            return sink.told, factory.counters().failures

    told, failures = asyncio.run(scenario())

    assert told == [("added", "a"), ("added", "b")]
    assert failures > 0
