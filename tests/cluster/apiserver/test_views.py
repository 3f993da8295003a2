"""Objects told as rows and as metadata alone: what recordings do not show."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import cast

import pytest

from cluster.apiserver.compression import THRESHOLD_BYTES, takes_gzip
from serialization.api.meta.v1_pb2 import PartialObjectMetadata
from serialization.codecs.registry import CODECS
from tests.cluster.apiserver.kinds import CONFIG_MAPS_PATH, PODS_PATH, PROTOBUF, config_map, pod
from tests.cluster.apiserver.serving import InProcess, Json, Reply, serving

AS_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
AS_PARTIAL = "as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
AS_PARTIALS = "as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def lines(reply: Reply) -> list[Json]:
    return [cast("Json", json.loads(line)) for line in reply.body.splitlines()]


@pytest.mark.slow
def test_each_table_watch_is_told_the_columns_once(api: InProcess) -> None:
    for name in "ab":
        api.create(PODS_PATH, pod(name))
    path = f"{PODS_PATH}?watch=1&timeoutSeconds=1&allowWatchBookmarks=1"

    async def watch() -> Reply:
        return await api.request("GET", path, b"", {"accept": AS_TABLE})

    async def write() -> Reply:
        await asyncio.sleep(0.01)
        body = json.dumps(pod("c")).encode()
        return await api.request("POST", PODS_PATH, body, {"content-type": "application/json"})

    first, second, _ = api.gather(watch(), watch(), write())

    for reply in (first, second):
        events = lines(reply)
        assert [event["type"] for event in events] == ["ADDED"] * 2 + ["BOOKMARK", "ADDED"] + [
            "BOOKMARK"
        ]
        tables = [cast("Json", event["object"]) for event in events]
        assert [table["columnDefinitions"] is not None for table in tables] == [True] + [False] * 4


def test_row_of_a_pod_that_is_through_says_so(api: InProcess) -> None:
    api.create(PODS_PATH, pod("a"))
    made = api.call("GET", f"{PODS_PATH}/a").json()
    cast("Json", made["status"])["phase"] = "Failed"
    api.call("PUT", f"{PODS_PATH}/a/status", made)

    table = api.call("GET", f"{PODS_PATH}/a", headers={"accept": AS_TABLE}).json()

    (row,) = cast("list[Json]", table["rows"])
    (condition,) = cast("list[Json]", row["conditions"])
    assert (condition["type"], condition["reason"]) == ("Completed", "Failed")


@pytest.mark.parametrize("storage", ["protobuf", "orjson", "json"])
@pytest.mark.parametrize("media", ["application/json", PROTOBUF])
def test_metadata_alone_is_that_of_the_object(storage: str, media: str) -> None:
    with serving(storage_codec=storage) as api:
        labels: Json = {"app": "x", "tier": "y"}
        api.create(PODS_PATH, pod("a", labels=labels, annotations={"k": "ü" * 300}))
        whole = api.call("GET", f"{PODS_PATH}/a", headers={"accept": media})

        one = api.call("GET", f"{PODS_PATH}/a", headers={"accept": f"{media};{AS_PARTIAL}"})
        some = api.call("GET", PODS_PATH, headers={"accept": f"{media};{AS_PARTIALS}"})

    codec = CODECS["orjson" if media == "application/json" else "protobuf"]
    kind, bare = codec.unwrap(one.body)
    wanted = codec.decode_bare(PartialObjectMetadata, codec.unwrap(whole.body)[1])
    wanted.DiscardUnknownFields()
    assert tuple(kind) == ("meta.k8s.io/v1", "PartialObjectMetadata")
    assert codec.decode_bare(PartialObjectMetadata, bare) == wanted
    head, items = codec.split_list(some.body)
    assert head.resource_version
    assert [codec.decode_bare(PartialObjectMetadata, item) for item in items] == [wanted]


def test_metadata_in_another_codec_leaves_no_encoding_of_the_object(api: InProcess) -> None:
    api.create(PODS_PATH, pod("a"))
    before = api.server.counters().get("watchcache_encodes_orjson", 0)

    for accept in (f"application/json;{AS_PARTIALS}", AS_TABLE):
        assert api.call("GET", PODS_PATH, headers={"accept": accept}).code == 200

    assert api.server.counters().get("watchcache_encodes_orjson", 0) == before


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_is_for_those_who_take_it(header: str, *, taken: bool) -> None:
    headers = [(b"accept-encoding", header.encode())] if header else []
    assert (
        takes_gzip(
            {
                "type": "http",
                "method": "GET",
                "path": "/",
                "query_string": b"",
                "headers": headers,
                "extensions": {},
            }
        )
        is taken
    )


@pytest.mark.parametrize("path", [CONFIG_MAPS_PATH, f"{CONFIG_MAPS_PATH}/big"])
def test_big_answer_is_the_same_compressed(api: InProcess, path: str) -> None:
    big = config_map("big")
    big["data"] = {str(number): "x" * 1000 for number in range(THRESHOLD_BYTES // 1000 + 10)}
    api.create(CONFIG_MAPS_PATH, big)
    api.create(CONFIG_MAPS_PATH, config_map("small"))

    plain = api.call("GET", path)
    packed = api.call("GET", path, headers={"accept-encoding": "gzip"})
    small = api.call("GET", f"{CONFIG_MAPS_PATH}/small", headers={"accept-encoding": "gzip"})

    assert gzip.decompress(packed.body) == plain.body
    assert packed.header("content-encoding") == "gzip"
    assert plain.header("content-encoding") == small.header("content-encoding") == ""
    assert len(packed.body) < len(plain.body) / 10
