from __future__ import annotations

import asyncio
from random import Random

import pytest
import uvloop

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.listener import bind, listen, url_of
from cluster.apiserver.traffic import Traffic, kind_of, source_of
from cluster.client.interface import ObjectKey
from cluster.client.rest import ClientOptions, RestClient
from serialization.api.core.v1_pb2 import ConfigMap
from serialization.codecs.registry import CODECS
from serialization.kinds import CONFIG_MAPS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions


async def both_sides() -> tuple[dict[str, int], dict[str, int]]:
    """Let a client work and watch; return what it counted, and what the server did."""
    clock, traffic = SystemClock(), Traffic()
    sock = bind("127.0.0.1", 0)
    options = ClientOptions(url_of(sock), user_agent="kubedyno-nodes")
    async with (
        STORES["memory"].make(StoreOptions()) as store,
        assemble(store, ServerConfig(CODECS["protobuf"]), clock, Random(1)) as server,
        listen(server.app, sock, end_watches=server.fanout.shut_down, traffic=traffic),
        RestClient(options, clock) as client,
    ):
        for number in range(5):
            made = ConfigMap(data={"a": "b" * 100_000 * number})
            made.metadata.name = f"c-{number}"
            await client.create(CONFIG_MAPS, "default", made)
        await client.get(CONFIG_MAPS, ConfigMap, ObjectKey("default", "c-4"))
        await client.list_raw(CONFIG_MAPS)
        events = client.watch_raw(CONFIG_MAPS, resource_version="1", timeout_s=1)
        seen = [event async for chunk in events for event in chunk]
        assert len(seen) >= 5
        counted = client.meter.by_call.values()
        own = {
            "received": sum(each.sent_bytes for each in counted),
            "sent": sum(each.received_bytes for each in counted),
        }
    return own, traffic.flat()


def test_server_counts_the_bytes_that_its_client_counts() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        own, told = runner.run(both_sides())

    assert all("_nodes_" in name for name in told)
    for way, count in own.items():
        assert sum(n for name, n in told.items() if name.startswith(f"{way}_bytes")) == count
    assert told["received_bytes_nodes_create"] > 1_000_000
    assert told["sent_bytes_nodes_watch"] > 1_000_000


@pytest.mark.parametrize(
    ("method", "url", "kind"),
    [
        ("GET", b"/api/v1/pods?fieldSelector=spec.nodeName%3Dn&watch=true", "watch"),
        ("GET", b"/api/v1/namespaces/default/pods/p", "get"),
        ("POST", b"/api/v1/namespaces/default/pods", "create"),
        ("PUT", b"/api/v1/namespaces/default/pods/p/status", "status"),
        ("PATCH", b"/api/v1/namespaces/default/pods/p/status", "status"),
        ("POST", b"/api/v1/namespaces/default/pods/p/binding", "binding"),
        ("POST", b"/api/v1/namespaces/default/events", "events"),
        ("DELETE", b"/api/v1/namespaces/default/pods/p", "delete"),
        ("BREW", b"/", "other"),
    ],
)
def test_kind_of_a_request_is_told_by_its_first_line(method: str, url: bytes, kind: str) -> None:
    assert kind_of(method, url) == kind


@pytest.mark.parametrize(
    ("agent", "source"),
    [
        (b"kubedyno-nodes", "nodes"),
        (b"kubedyno-control-events", "control-events"),
        (b"kubedyno-made-up", "other"),
        (b"kubectl/v1.32", "other"),
    ],
)
def test_source_of_a_connection_is_one_of_a_bounded_set(agent: bytes, source: str) -> None:
    assert source_of([(b"accept", b"*/*"), (b"user-agent", agent)]) == source
    assert source_of([]) == "other"
