from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import cast

import pytest
from google.protobuf.message import Message

from cluster.apiserver.errors import StatusError
from cluster.apiserver.fanout.config import FanoutConfig, WatchWrite
from cluster.apiserver.fanout.stream import End, Stream
from cluster.apiserver.views.plain import PlainView
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.protobuf import ProtobufCodec
from serialization.codecs.registry import CODECS
from serialization.errors import EncodeError
from storage.errors import CompactedError, FutureRevisionError
from storage.virtual_time import run_virtual
from storage.watchcache.config import CacheConfig
from storage.watchcache.errors import ReinitializingError
from storage.watchcache.selection import Selection
from tests.cluster.apiserver.reads.rig import Client, Rig, rig, select

Scenario = Callable[..., Coroutine[object, object, None]]


def virtual(scenario: Scenario) -> Callable[..., None]:
    """Run a test's coroutine in virtual time."""

    @wraps(scenario)
    def run(**given: object) -> None:
        run_virtual(scenario(**given))

    return run


async def filled(made: Rig) -> None:
    """Put pods a, b, c at revisions 2, 3, 4."""
    for name in "abc":
        await made.place.put(name, node=f"n{name}", labels={"app": name})


ALL = [("ADDED", "a", "2"), ("ADDED", "b", "3"), ("ADDED", "c", "4")]


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


@virtual
async def test_client_that_leaves_is_forgotten() -> None:
    async with rig() as made:
        client, task = made.watch("")
        await made.settle()
        assert made.fanout.streams == 1

        client.leave()
        await task

        assert not client.complete
        assert made.fanout.counters.ended[End.DISCONNECTED] == 1
        assert made.fanout.streams == made.fanout.groups == made.place.pods.watchers == 0


@virtual
async def test_client_that_does_not_read_is_cut_off_at_the_bound() -> None:
    config = FanoutConfig(watch_write=WatchWrite.ASGI, buffer_max_bytes=2000)
    async with rig(fanout=config) as made:
        slow, task = made.watch("resourceVersion=1")
        quick, _ = made.watch("resourceVersion=1")
        await made.settle()
        slow.reading.clear()

        for number in range(100):
            await made.place.put(f"p{number}", node="n" * 30)
            await made.settle()
        await task

        assert made.fanout.counters.ended[End.SLOW] == 1
        assert made.fanout.counters.flat()["watch_terminated"] == 1
        assert not slow.complete
        assert len(quick.told) == 100
        assert made.fanout.streams == 1


@virtual
async def test_server_that_stops_ends_every_stream_cleanly() -> None:
    async with rig() as made:
        client, task = made.watch("resourceVersion=1")
        await made.settle()
        await made.place.put("a")  # still waits for its flush

        made.fanout.shut_down()
        await task
        late, late_task = made.watch("")
        await late_task

        assert client.short == [("ADDED", "a", "2")]
        assert client.complete
        assert late.complete


@virtual
async def test_cache_that_lost_its_place_ends_the_streams() -> None:
    async with rig() as made:
        client, task = made.watch("resourceVersion=1")
        await made.settle()

        made.place.pods.closed(CompactedError(2, 9))
        await task

        assert client.complete
        assert made.fanout.counters.ended[End.STOPPED] == 1


@virtual
async def test_watch_that_would_join_as_the_cache_loses_its_place_is_refused() -> None:
    async with rig() as made:
        client, task = made.watch("resourceVersion=1")
        await made.settle()
        late = Stream(bookmarks=False)

        made.place.pods.closed(CompactedError(2, 9))
        with pytest.raises(ReinitializingError):
            made.fanout.join(
                late, made.place.pods, Selection(), PlainView(made.place.pods, client.codec)
            )
        with pytest.raises(ReinitializingError):
            await made.answer(Client(CODECS["protobuf"]), "resourceVersion=1")
        await task
        await made.settle()

        assert made.place.pods.watchers == 0
        assert made.fanout.groups == 0
        again, _ = made.watch("resourceVersion=1")  # it has listed again
        await made.settle()
        assert again.head["status"] == 200


@virtual
async def test_bad_options_are_refused_before_the_head() -> None:
    async with rig() as made:
        client = Client(CODECS["protobuf"])

        with pytest.raises(StatusError) as caught:
            await made.answer(client, "resourceVersion=abc")

        assert caught.value.code == 500
        assert client.head == {}


class FailingCodec(ProtobufCodec):
    """Cannot encode pods of the node ``bad``."""

    def encode_bare(self, message: Message) -> bytes:
        if cast("Pod", message).spec.nodeName == "bad":
            raise EncodeError("no such form")
        return super().encode_bare(message)


@virtual
async def test_event_that_has_no_encoding_ends_its_streams_and_no_others() -> None:
    async with rig("orjson") as made:
        failing, task = made.watch("resourceVersion=1", codec=FailingCodec())
        sound, _ = made.watch("resourceVersion=1", codec="orjson")
        await made.settle()

        await made.place.put("a", node="good")
        await made.settle()
        await made.place.put("b", node="bad")
        await task

        assert failing.short == [("ADDED", "a", "2")]
        assert failing.complete
        await made.settle()
        assert sound.short == [("ADDED", "a", "2"), ("ADDED", "b", "3")]


@virtual
async def test_event_that_has_no_encoding_ends_its_streams_at_a_bookmark_too() -> None:
    async with rig("orjson") as made:
        failing, task = made.watch("resourceVersion=1&allowWatchBookmarks=1", codec=FailingCodec())
        await made.settle()

        await made.place.put("b", node="bad")
        (group,) = made.fanout._groups.values()
        made.fanout._bookmark(group)  # its timer was first
        await made.settle()

        assert task.done()
        assert failing.short[-1:] != [("ADDED", "b", "3")]
