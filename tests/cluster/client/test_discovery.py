"""Discovery: the fake's documents and a real server's, and what is made of them."""

from __future__ import annotations

import asyncio
from random import Random

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.client.discovery import Discovered, discover
from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.inprocess import InProcessExchange
from cluster.client.rest import ClientOptions, RestClient
from serialization.codecs.registry import CODECS
from serialization.kinds import BINDINGS, EVENTS, NAMESPACES, PODS, REPLICA_SETS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions


def test_known_resources_are_found_with_their_verbs() -> None:
    api = FakeApi()
    api.served = (PODS, NAMESPACES, REPLICA_SETS, BINDINGS)

    found = asyncio.run(discover(api))

    by_resource = dict(found.resources)
    assert list(by_resource) == [PODS, NAMESPACES, BINDINGS, REPLICA_SETS]
    assert "deletecollection" in by_resource[PODS]
    assert "deletecollection" not in by_resource[NAMESPACES]
    assert "list" not in by_resource[BINDINGS]
    assert found.failed == ()


def test_version_that_does_not_answer_is_told() -> None:
    api = FakeApi()
    api.served = (PODS, REPLICA_SETS)

    async def main() -> Discovered:
        page = api.document

        async def broken(path: str) -> bytes:
            if path == "/apis/apps/v1":
                raise failure(503, message="no")
            return await page(path)

        api.document = broken  # type: ignore[method-assign]  # one page of many is to fail
        return await discover(api)

    found = asyncio.run(main())

    assert [each.resource for each in found.resources] == [PODS]
    assert found.failed == ("apps/v1",)


def test_our_server_tells_what_it_serves() -> None:
    async def main() -> Discovered:
        clock = SystemClock()
        store = STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True))
        async with (
            store,
            assemble(store, ServerConfig(CODECS["protobuf"]), clock, Random(1)) as server,
            InProcessExchange(server.app, clock) as exchange,
            RestClient(ClientOptions("http://in.process"), clock, exchange) as client,
        ):
            return await discover(client)

    by_resource = dict(asyncio.run(main()).resources)

    assert {"list", "watch", "delete"} <= by_resource[PODS]
    assert {"list", "watch", "delete"} <= by_resource[EVENTS]
    assert by_resource[BINDINGS] == {"create"}
