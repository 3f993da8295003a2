from __future__ import annotations

import asyncio

import pytest

from cluster.apiserver.fanout.stream import End
from serialization.codecs.registry import CODECS
from storage.errors import FutureRevisionError
from storage.watchcache.config import CacheConfig
from tests.cluster.apiserver.reads.rig import Client, rig, select
from tests.cluster.apiserver.reads.stories import ALL, filled, virtual


@pytest.mark.parametrize("codec", ["json", "orjson", "protobuf"])
@pytest.mark.parametrize("query", ["", "resourceVersion=0", "resourceVersion="])
@virtual
async def test_watch_without_a_version_tells_what_is_there_then_what_happens(
    codec: str, query: str
) -> None:
    async with rig() as made:
        await filled(made)
        client, _ = made.watch(query, codec=codec)
        await made.settle()
        assert client.short == ALL

        await made.place.put("a", node="nx")
        await made.place.drop("b")
        await made.settle()

        assert client.short[3:] == [("MODIFIED", "a", "5"), ("DELETED", "b", "6")]
        assert client.told[-1].pod.spec.nodeName == "nb"
        media = dict(client.head["headers"])[b"content-type"]
        want = b"application/vnd.kubernetes.protobuf;stream=watch"
        assert media == (want if codec == "protobuf" else b"application/json")


@virtual
async def test_watch_from_a_version_tells_what_came_after_it() -> None:
    async with rig() as made:
        await filled(made)
        await made.place.drop("c")

        clients = [made.watch(f"resourceVersion={after}")[0] for after in (2, 3, 4, 5)]
        await made.settle()

        gone = ("DELETED", "c", "5")
        assert [client.short for client in clients] == [
            [*ALL[1:], gone],
            [*ALL[2:], gone],
            [gone],
            [],
        ]


@virtual
async def test_watch_from_a_version_that_is_too_old_is_one_error_event() -> None:
    async with rig(cache=CacheConfig(history_events=4)) as made:
        for _ in range(4):
            await filled(made)
            await made.place.drop("a")

        client, task = made.watch("resourceVersion=2&allowWatchBookmarks=1")
        await task

        (status,) = client.errors
        assert (status.code, status.reason) == (410, "Expired")
        assert status.message == f"too old resource version: 2 ({made.place.pods.floor})"
        assert client.complete
        assert client.told == []
        assert made.place.cache.counters.too_old == 1


@virtual
async def test_watch_from_the_future_is_silent_until_that_version_has_passed() -> None:
    async with rig() as made:
        client, _ = made.watch("resourceVersion=3")
        await made.settle()
        assert client.head["status"] == 200

        await filled(made)
        await made.settle()

        assert client.short == ALL[2:]


@virtual
async def test_watch_from_a_future_that_never_comes_ends_in_time() -> None:
    async with rig() as made:
        client, task = made.watch("resourceVersion=99999999&timeoutSeconds=4")
        await task

        assert client.told == []
        assert client.complete
        assert asyncio.get_running_loop().time() == pytest.approx(4.0)


@virtual
async def test_watch_ends_after_timeout_seconds_with_a_bookmark() -> None:
    async with rig() as made:
        await filled(made)
        plain, _ = made.watch("resourceVersion=4&timeoutSeconds=5")
        marked, task = made.watch("resourceVersion=4&timeoutSeconds=5&allowWatchBookmarks=true")
        await asyncio.sleep(1)
        await made.place.put("d")
        await task

        assert plain.short == [("ADDED", "d", "5")]
        assert marked.short == [("ADDED", "d", "5"), ("BOOKMARK", "", "5")]
        assert marked.complete
        assert made.fanout.counters.ended[End.TIMEOUT] == 2
        assert made.fanout.groups == made.fanout.streams == 0


@virtual
async def test_bookmarks_come_about_once_a_minute_and_never_run_ahead() -> None:
    async with rig() as made:
        client, _ = made.watch("resourceVersion=1&allowWatchBookmarks=true")
        for number in range(10):
            await asyncio.sleep(30)
            await made.place.put(f"p{number}")
        await made.settle()

        marks = [event for event in client.told if event.type == "BOOKMARK"]
        assert 4 <= len(marks) <= 7
        known = 1
        for event in client.told:
            version = int(event.pod.metadata.resourceVersion)
            assert version == known if event.type == "BOOKMARK" else version > known
            known = version


@pytest.mark.parametrize(
    ("query", "state", "mark"),
    [
        ("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1", 3, True),
        (
            "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=2"
            "&allowWatchBookmarks=1",
            3,
            True,
        ),
        ("sendInitialEvents=true&resourceVersionMatch=NotOlderThan", 3, False),
        ("sendInitialEvents=false&resourceVersionMatch=NotOlderThan", 0, False),
        ("allowWatchBookmarks=true", 3, True),
        ("allowWatchBookmarks=true&resourceVersion=0", 3, False),
    ],
)
@virtual
async def test_streaming_list_ends_with_an_annotated_bookmark(
    query: str, state: int, *, mark: bool
) -> None:
    async with rig() as made:
        await filled(made)
        client, _ = made.watch(query)
        await made.settle()

        assert client.short[:state] == ALL[:state]
        marks = client.told[state:]
        assert [event.short for event in marks] == ([("BOOKMARK", "", "4")] if mark else [])
        for event in marks:
            assert dict(event.pod.metadata.annotations) == {"k8s.io/initial-events-end": "true"}


@virtual
async def test_streaming_list_of_a_future_version_is_refused_before_the_head() -> None:
    async with rig() as made:
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=99"
        client = Client(CODECS["protobuf"])

        with pytest.raises(FutureRevisionError):
            await made.answer(client, query)

        assert client.head == {}


@virtual
async def test_watchers_of_one_selection_share_a_group_and_its_bytes() -> None:
    async with rig() as made:
        clients = [made.watch("resourceVersion=1")[0] for _ in range(10)]
        others = [made.watch("resourceVersion=1", codec="orjson")[0] for _ in range(3)]
        await made.settle()
        assert made.fanout.groups == 2

        await filled(made)
        await made.settle()

        assert all(client.short == ALL for client in clients + others)
        counters = made.place.cache.counters
        assert counters.stamped == 3
        assert counters.encodes["orjson"] == 3
        assert made.fanout.counters.events_sent == 39


@virtual
async def test_each_watcher_has_its_own_encoding_when_encode_once_is_off() -> None:
    async with rig(cache=CacheConfig(encode_once=False)) as made:
        clients = [made.watch("resourceVersion=1")[0] for _ in range(10)]
        await made.settle()

        await filled(made)
        await made.settle()

        assert all(client.short == ALL for client in clients)
        assert made.place.cache.counters.encodes["protobuf"] == 30
        assert made.fanout.counters.events_sent == 30


@virtual
async def test_watcher_that_joins_while_events_wait_is_told_them_once() -> None:
    async with rig() as made:
        first, _ = made.watch("resourceVersion=1")
        await made.settle()

        await filled(made)  # they wait for the flush, two turns from now
        late, _ = made.watch("resourceVersion=2")
        await made.place.put("d")
        await made.settle()

        assert first.short == [*ALL, ("ADDED", "d", "5")]
        assert late.short == [*ALL[1:], ("ADDED", "d", "5")]


@virtual
async def test_watch_by_selector_is_told_what_enters_stays_and_leaves() -> None:
    async with rig() as made:
        await made.place.put("a", labels={"app": "no"})
        client, _ = made.watch("resourceVersion=2", select(labels="app=yes"))
        await made.settle()
        for app in ("no", "yes", "yes", "no", "yes"):
            await made.place.put("a", node=f"n{made.place.cache.revision}", labels={"app": app})
        await made.place.drop("a")
        await made.settle()

        assert client.short == [
            ("ADDED", "a", "4"),
            ("MODIFIED", "a", "5"),
            ("DELETED", "a", "6"),
            ("ADDED", "a", "7"),
            ("DELETED", "a", "8"),
        ]
        assert client.told[2].pod.metadata.labels["app"] == "yes"
