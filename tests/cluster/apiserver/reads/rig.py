"""The read path in process: a store, its cache, and watches called through ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import NamedTuple
from urllib.parse import parse_qsl

from cluster.apiserver.asgi import RequestEvent, Scope, SendEvent
from cluster.apiserver.fanout.config import FanoutConfig, WatchWrite
from cluster.apiserver.fanout.fanout import Fanout
from cluster.apiserver.reads.reads import Reads
from cluster.apiserver.reads.watching import Target, Wire
from cluster.apiserver.views.plain import PlainView
from serialization.api.core.v1_pb2 import Pod
from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.interface import Codec
from serialization.codecs.registry import CODECS
from serialization.selectors import parse_fields, parse_labels
from storage.interface import Store
from storage.virtual_time import VirtualClock
from storage.watchcache.config import CacheConfig
from storage.watchcache.selection import Selection
from tests.storage.watchcache.world import World, world


def select(namespace: str = "", labels: str = "", fields: str = "") -> Selection:
    return Selection(
        namespace,
        labels,
        fields,
        parse_labels(labels) if labels else None,
        parse_fields(fields) if fields else None,
    )


class Told(NamedTuple):
    """An event as a client reads it."""

    type: str
    pod: Pod

    @property
    def short(self) -> tuple[str, str, str]:
        return self.type, self.pod.metadata.name, self.pod.metadata.resourceVersion


class Client:
    """One watch; reads with its codec's own frame reader."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.head: SendEvent = {}
        self.complete = False
        self.told: list[Told] = []
        self.errors: list[Status] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self._reader = codec.frame_reader()
        self._left = asyncio.Event()

    @property
    def short(self) -> list[tuple[str, str, str]]:
        """Type, name and resourceVersion of each event."""
        return [event.short for event in self.told]

    def leave(self) -> None:
        self._left.set()

    async def receive(self) -> RequestEvent:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: SendEvent) -> None:
        await self.reading.wait()
        if event["type"] == "http.response.start":
            self.head = event
            return
        self.complete = not event.get("more_body", False)
        for frame in self._reader.feed(event.get("body", b"")):
            _kind, bare = self.codec.unwrap(frame.document)
            if frame.type == "ERROR":
                self.errors.append(self.codec.decode_bare(Status, bare))
            else:
                self.told.append(Told(frame.type, self.codec.decode_bare(Pod, bare)))


class Rig:
    """What a test works with."""

    def __init__(self, place: World, tasks: asyncio.TaskGroup, config: FanoutConfig) -> None:
        self.place = place
        self.fanout = Fanout(config, VirtualClock(), Random(3))
        self.reads = Reads(place.cache, self.fanout)
        self._tasks = tasks

    def watch(
        self,
        query: str = "",
        selection: Selection | None = None,
        codec: str | Codec = "protobuf",
    ) -> tuple[Client, asyncio.Task[None]]:
        """Begin a watch; the task ends with it."""
        client = Client(CODECS[codec] if isinstance(codec, str) else codec)
        return client, self._tasks.create_task(self.answer(client, query, selection))

    async def answer(self, client: Client, query: str, selection: Selection | None = None) -> None:
        """Answer a watch; raises what is refused before the head."""
        wire = Wire(_scope(query), client.receive, client.send)
        cache = self.place.pods
        await self.reads.answer_watch(
            wire,
            Target(cache, selection or Selection(), PlainView(cache, client.codec)),
            _query(query),
        )

    async def list(
        self, query: str = "", selection: Selection | None = None, codec: str = "protobuf"
    ) -> tuple[dict[str, str], list[Pod], str]:
        """List; returns the metadata, the objects and the media type."""
        sent: list[SendEvent] = []

        async def send(event: SendEvent) -> None:
            sent.append(event)

        chosen = CODECS[codec]
        cache = self.place.pods
        target = Target(cache, selection or Selection(), PlainView(cache, chosen))
        wire = Wire(_scope(query), Client(chosen).receive, send)
        await self.reads.answer_list(wire, target, _query(query))
        body = b"".join(event.get("body", b"") for event in sent[1:])
        head, items = chosen.split_list(body)
        metadata = {"resourceVersion": head.resource_version, "continue": head.continue_}
        if head.remaining is not None:
            metadata["remaining"] = str(head.remaining)
        media = dict(sent[0]["headers"])[b"content-type"].decode()
        return metadata, [chosen.decode_bare(Pod, item) for item in items], media

    async def idle(self) -> None:
        """Wait until no watch is served."""
        while self.fanout.streams:  # noqa: ASYNC110  nothing tells of a stream's end
            await asyncio.sleep(0)

    async def settle_one(self) -> None:
        """Let one turn of the loop pass."""
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """Let everything that is under way come to rest (no timer is waited for)."""
        for _ in range(50):
            await asyncio.sleep(0)


def _scope(query: str) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/pods",
        "query_string": query.encode(),
        "headers": [],
        "extensions": {},
    }


def _query(text: str) -> Mapping[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


@asynccontextmanager
async def rig(
    storage: str = "protobuf",
    *,
    cache: CacheConfig | None = None,
    fanout: FanoutConfig | None = None,
    store: Store | None = None,
) -> AsyncIterator[Rig]:
    """Run the read path while entered; watches that are left are ended."""
    config = fanout or FanoutConfig(watch_write=WatchWrite.ASGI)
    async with world(storage, cache, store=store) as place, asyncio.TaskGroup() as tasks:
        made = Rig(place, tasks, config)
        yield made
        made.fanout.shut_down()
