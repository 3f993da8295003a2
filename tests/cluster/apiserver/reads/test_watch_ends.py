"""How watches end: clients that leave or do not read, a server that stops, a cache that is lost."""

from __future__ import annotations

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
from storage.errors import CompactedError
from storage.watchcache.errors import ReinitializingError
from storage.watchcache.selection import Selection
from tests.cluster.apiserver.reads.rig import Client, rig
from tests.cluster.apiserver.reads.stories import virtual


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
