"""Informers over real connections live through restarts of the API server without a second list."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from cluster.apiserver.listener import bind, listen
from cluster.client.informer import InformerFactory
from cluster.client.interface import EVERYTHING, Selection
from cluster.client.reflector import ReflectorOptions
from cluster.client.rest import ClientOptions, RestClient
from serialization.api.core.v1_pb2 import Container, Pod, PodSpec
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import PODS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions
from tests.cluster.client.following import Recording

CLOCK = SystemClock()
INFORMERS = 10
RESTARTS = 5
FAST = ReflectorOptions(backoff_base_s=0.01, backoff_max_s=0.05)


@asynccontextmanager
async def life(data_dir: Path, sock: socket.socket) -> AsyncIterator[Assembly]:
    """Run an API server on a store that is there, on a port that is ours all along."""
    store = STORES["etcd3"].make(StoreOptions(data_dir=data_dir, sync=False))
    async with (
        store as opened,
        assemble(opened, ServerConfig(CODECS["protobuf"]), CLOCK, Random(1)) as server,
        listen(server.app, sock, end_watches=server.fanout.shut_down),
    ):
        yield server


def a_pod(name: str) -> Pod:
    containers = [Container(name="c", image="i")]
    meta = ObjectMeta(name=name, namespace="default", labels={"app": "x"})
    return Pod(metadata=meta, spec=PodSpec(containers=containers))


async def heard(sinks: list[Recording], count: int) -> None:
    """Wait until each of them has been told so much."""
    for sink in sinks:
        await sink.until(lambda sink=sink: len(sink.told) >= count)  # type: ignore[misc]  # bound now


async def follow(factory: InformerFactory) -> list[Recording]:
    """Start informers, of two selections, that share nothing."""
    sinks = []
    for number in range(INFORMERS):
        selection = Selection(labels="app=x") if number % 2 else EVERYTHING
        informer = factory.informer(PODS, Pod, selection)
        sinks.append(Recording())
        informer.subscribe(sinks[-1])
        await informer.wait_synced()
    return sinks


async def scenario(data_dir: Path) -> tuple[list[list[tuple[str, str]]], int, int]:
    """Return what each informer was told, how often they listed, and expired."""
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    async with (
        asyncio.timeout(90),
        RestClient(ClientOptions(f"http://127.0.0.1:{port}"), CLOCK) as client,
        InformerFactory(client, CLOCK, Random(1), shared=False, options=FAST) as factory,
    ):
        async with life(data_dir, sock):
            sinks = await follow(factory)
        for number in range(RESTARTS):
            sock = bind("127.0.0.1", port)
            async with life(data_dir, sock):
                await client.create(PODS, "default", a_pod(f"p{number}"))
                if number % 2:  # else it stops with the news on its way
                    await heard(sinks, number + 1)
        sock = bind("127.0.0.1", port)
        async with life(data_dir, sock):
            await heard(sinks, RESTARTS)
        counters = factory.counters()
    return [sink.told for sink in sinks], counters.lists, counters.expired


@pytest.mark.slow
def test_informers_live_through_restarts_without_a_second_list(tmp_path: Path) -> None:
    told, lists, expired = asyncio.run(scenario(tmp_path))

    assert told == [[("added", f"p{number}") for number in range(RESTARTS)]] * INFORMERS
    assert (lists, expired) == (INFORMERS, 0)
