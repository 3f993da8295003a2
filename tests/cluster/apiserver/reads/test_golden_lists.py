"""Lists of seven ConfigMaps, as a real Kubernetes API server answered them, request by request."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import cast
from urllib.parse import parse_qsl

import pytest

from cluster.apiserver.asgi import SendEvent
from cluster.apiserver.errors import StatusError
from cluster.apiserver.fanout.config import FanoutConfig
from cluster.apiserver.fanout.fanout import Fanout
from cluster.apiserver.reads.reads import Reads
from cluster.apiserver.views.plain import PlainView
from serialization.api.core.v1_pb2 import ConfigMap
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import SCHEME
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from storage.watchcache.cache import WatchCache
from tests.cluster.apiserver.reads.rig import select

RECORDS = Path(__file__).parents[4].parent / "shared/golden/list.jsonl"
CONFIG_MAPS = SCHEME.by_plural("", "v1", "configmaps")
PATH = "/api/v1/namespaces/ls/configmaps"
FIRST_REVISION = 517
CHANGED_FROM = "snapshot.page2"
"""From this record on: c3 deleted, c3b created, c4 changed."""

Json = dict[str, object]


def records() -> Iterator[Json]:
    if not RECORDS.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"no golden records at {RECORDS}")
        pytest.skip("the golden records are not beside this repository")
    with RECORDS.open() as lines:
        yield from map(json.loads, lines)


def relevant() -> list[Json]:
    """Return the JSON lists of that namespace, up to where other things happened."""
    found = []
    for record in records():
        headers = cast("dict[str, str]", record.get("reqHeaders") or {})
        path = str(record["path"])
        if str(record["id"]).startswith(("allns", "gzip")):
            break
        plain = headers.get("Accept", "application/json") == "application/json"
        if plain and path.partition("?")[0] == PATH and "pretty" not in path:
            found.append(record)
    return found


class Recording:
    """The recorded store, made again at the recorded revisions."""

    def __init__(self, items: list[Json]) -> None:
        self._items = items
        self._codec = CODECS["protobuf"]

    def value(self, item: Json) -> bytes:
        bare = json.dumps(item).encode()
        message = CODECS["orjson"].decode_bare(ConfigMap, bare)
        message.metadata.ClearField("resourceVersion")
        return self._codec.encode(TypeMeta("v1", "ConfigMap"), message)

    async def replay(self) -> list[tuple[str, object, object]]:
        """Ask what was asked; return id, answer and recorded answer where they differ."""
        differing: list[tuple[str, object, object]] = []
        async with (
            STORES["memory"].make(StoreOptions(inline_commits=True)) as store,
            WatchCache(store, self._codec, (CONFIG_MAPS,)) as cache,
        ):
            for number in range(FIRST_REVISION - 2):
                await store.create(f"/registry/other/{number}".encode(), b"x")
            for item in self._items:
                name = cast("dict[str, str]", item["metadata"])["name"]
                revision = await store.create(CONFIG_MAPS.key("ls", name), self.value(item))
                assert str(revision) == cast("dict[str, str]", item["metadata"])["resourceVersion"]
            reads = Reads(cache, Fanout(FanoutConfig(), VirtualClock(), Random(1)))
            for record in relevant():
                if record["id"] == CHANGED_FROM:
                    await store.delete(CONFIG_MAPS.key("ls", "c3"))
                    await store.create(CONFIG_MAPS.key("ls", "c3b"), self.value(self._items[0]))
                answer = await ask(reads, str(record["path"]))
                if answer != (record["status"], record["resBody"]):
                    differing.append((str(record["id"]), answer, record["resBody"]))
        return differing


async def ask(reads: Reads, path: str) -> tuple[int, object]:
    query = dict(parse_qsl(path.partition("?")[2], keep_blank_values=True))
    selection = select("ls", query.get("labelSelector", ""), query.get("fieldSelector", ""))
    body: list[bytes] = []

    async def send(event: SendEvent) -> None:
        body.append(event.get("body", b""))

    codec = CODECS["orjson"]
    try:
        cache = reads._cache.of(CONFIG_MAPS)
        await reads.answer_list(send, cache, PlainView(cache, codec), selection, query)
    except StatusError as error:
        told = codec.encode(TypeMeta("v1", "Status"), error.status())
        return error.code, json.loads(told)
    return 200, json.loads(b"".join(body))


def test_lists_are_those_of_a_real_api_server() -> None:
    asked = relevant()
    plain = cast("dict[str, list[Json]]", asked[0]["resBody"])

    differing = run_virtual(Recording(plain["items"]).replay())

    assert len(asked) >= 30
    assert differing == []
