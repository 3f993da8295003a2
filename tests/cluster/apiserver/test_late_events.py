"""A server that has begun and cannot read its events yet: who waits, for how long, beside whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.inflight import Limits
from serialization.codecs.registry import CODECS
from serialization.kinds import EVENTS
from storage.engine.store import EngineStore, Parts
from storage.memory.backend import MemoryBackend
from storage.records import Listing
from storage.registry import MEMORY
from storage.virtual_time import VirtualClock, run_virtual
from storage.watchcache.config import CacheConfig
from tests.cluster.apiserver.test_limits import Server, SlowDisk, at_once, reason

EVENTS_PATH = "/api/v1/namespaces/default/events"


class SlowEvents(EngineStore):
    """A store whose events take their time to be listed."""

    wait_s = 10.0

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        if prefix == EVENTS.prefix():
            await asyncio.sleep(self.wait_s)
        return await super().list(prefix, limit=limit, after=after, revision=revision)


def serve(test: Callable[[Server], Awaitable[None]], limits: Limits, wait_s: float = 10.0) -> None:
    async def main() -> None:
        disk, clock = SlowDisk(), VirtualClock()
        store = SlowEvents(Parts(MemoryBackend(), disk, clock, MEMORY))
        store.wait_s = wait_s
        late = CacheConfig(late=frozenset({EVENTS.message}))
        config = ServerConfig(CODECS["protobuf"], cache=late, limits=limits)
        async with store, assemble(store, config, clock, Random(7)) as assembly:
            await test(Server(assembly, disk))
            assert assembly.api.metrics.inflight == {"mutating": 0, "readOnly": 0}

    run_virtual(main())


def event(name: str) -> bytes:
    meta = {"name": name, "namespace": "default"}
    about = {"kind": "Pod", "namespace": "default", "name": "p"}
    return json.dumps({"metadata": meta, "involvedObject": about, "reason": "Pulled"}).encode()


def test_events_that_wait_for_the_opening_take_no_places_of_other_writes() -> None:
    async def test(server: Server) -> None:
        posts = [
            asyncio.ensure_future(server.ask("POST", EVENTS_PATH, [event(f"e{number}")]))
            for number in range(2)
        ]
        listed = asyncio.ensure_future(server.ask("GET", EVENTS_PATH))
        await asyncio.sleep(1)
        others = await at_once(server.create("a"), server.create("b"))
        assert [reply.code for reply in others] == [201, 201]
        assert not any(post.done() for post in (*posts, listed))

        assert [(await post).code for post in posts] == [201, 201]
        assert (await listed).code == 200

    serve(test, Limits(reads=1, writes=2))


def test_request_for_events_that_never_come_ends_in_its_time() -> None:
    async def test(server: Server) -> None:
        reply = await server.ask("GET", EVENTS_PATH)
        assert (reply.code, reason(reply)) == (504, "Timeout")

    serve(test, Limits(request_s=30), wait_s=1000)
