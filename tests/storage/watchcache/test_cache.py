from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import BINDINGS, NODES, PODS
from serialization.scheme import metadata_of
from serialization.selectors import parse_fields
from storage.errors import CompactedError, FutureRevisionError
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from storage.watchcache.cache import LEFT_MAX, WatchCache
from storage.watchcache.config import CacheConfig
from storage.watchcache.errors import NotCachedError, ReinitializingError
from storage.watchcache.intake import EXPECTED_BYTES_MAX
from storage.watchcache.resource import ResourceCache
from storage.watchcache.selection import Selection
from tests.storage.conftest import Make
from tests.storage.watchcache.world import Sink, world

CODEC_NAMES = sorted(CODECS)


async def test_acknowledged_write_is_in_the_cache(make: Make) -> None:
    async with world(store=make()) as place:
        for number in range(20):
            revision = await place.put("a", node=f"n{number}")

            cached = place.pods.get("default", "a")

            assert cached is not None
            assert cached.revision == revision == place.cache.revision
            assert cached.fields[0] == f"n{number}"


async def test_cache_of_a_filled_store_is_complete_from_the_start() -> None:
    async with world() as before:
        for number in range(2500):  # more than two pages
            await before.put(f"p{number:04}")

        async with WatchCache(before.store, before.codec, (PODS,)) as cache:
            assert len(cache.of(PODS)) == 2500
            assert cache.of(PODS).floor == 1
            replay = cache.of(PODS).replay(Selection(), before.cache.revision - 1)
            assert [event.object.name for event in replay.events] == ["p2499"]


@pytest.mark.parametrize("storage", CODEC_NAMES)
@pytest.mark.parametrize("media", CODEC_NAMES)
async def test_object_is_encoded_once_per_version_and_codec(storage: str, media: str) -> None:
    async with world(storage) as place:
        revision = await place.put("a", labels={"app": "x"})
        cached = place.pods.get("default", "a")
        assert cached is not None

        first = place.pods.bare(cached, CODECS[media])
        again = place.pods.bare(cached, CODECS[media])

        assert first is again
        counters = place.cache.counters
        assert counters.stamped + sum(counters.encodes.values()) == 1
        assert counters.encode_hits[media] == 1
        message = CODECS[media].decode_bare(Pod, first)
        assert message.metadata.resourceVersion == str(revision)
        assert message.metadata.labels["app"] == "x"


async def test_object_is_encoded_each_time_when_encode_once_is_off() -> None:
    async with world(config=CacheConfig(encode_once=False)) as place:
        await place.put("a")
        cached = place.pods.get("default", "a")
        assert cached is not None

        for _ in range(3):
            place.pods.bare(cached, CODECS["protobuf"])

        assert place.cache.counters.encodes["protobuf"] == 3


@pytest.mark.parametrize("storage", CODEC_NAMES)
@pytest.mark.parametrize("read_before", [False, True])
async def test_deletion_carries_the_last_state_at_its_own_revision(
    storage: str, *, read_before: bool
) -> None:
    async with world(storage) as place:
        sink = Sink()
        place.pods.subscribe(Selection(), sink)
        await place.put("a", node="n1")
        cached = place.pods.get("default", "a")
        assert cached is not None
        if read_before:
            place.pods.bare(cached, place.codec)

        revision = await place.drop("a")

        gone = sink.events[-1].object
        told = place.codec.decode_bare(Pod, place.pods.bare(gone, place.codec))
        assert told.metadata.resourceVersion == str(revision)
        assert told.spec.nodeName == "n1"
        assert place.pods.get("default", "a") is None
        assert place.pods.bytes_held == 0


@pytest.mark.parametrize("storage", CODEC_NAMES)
async def test_message_is_fresh_and_carries_its_revision(storage: str) -> None:
    async with world(storage) as place:
        revision = await place.put("a")
        cached = place.pods.get("default", "a")
        assert cached is not None

        first = place.pods.message(cached)
        cast("Pod", first).spec.nodeName = "changed"

        assert metadata_of(first).resourceVersion == str(revision)
        assert not cast("Pod", place.pods.message(cached)).spec.nodeName


@pytest.mark.parametrize("storage", CODEC_NAMES)
async def test_expected_write_is_not_decoded_again(storage: str) -> None:
    async with world(storage) as place:
        pod = Pod()
        pod.metadata.name = "a"
        pod.spec.nodeName = "n1"
        bare = place.codec.encode_bare(pod)
        value = place.document("other")  # proof: what is stored is not looked at

        place.pods.expect(value, bare, pod)
        await place.store.create(PODS.key("default", "a"), value)

        cached = place.pods.get("default", "a")
        assert cached is not None
        assert cached.fields[0] == "n1"


async def test_big_document_is_not_kept_for_its_arrival() -> None:
    async with world("protobuf") as place:
        pod = Pod()
        pod.metadata.name = "a"
        pod.spec.nodeName = "n1"
        pod.metadata.annotations["big"] = "x" * EXPECTED_BYTES_MAX
        value = place.codec.encode(TypeMeta("v1", "Pod"), pod)
        other = Pod()
        other.spec.nodeName = "not looked at"

        place.pods.expect(value, place.codec.encode_bare(other), other)
        await place.store.create(PODS.key("default", "a"), value)

        cached = place.pods.get("default", "a")
        assert cached is not None
        assert cached.fields[0] == "n1"


async def test_document_in_a_foreign_form_is_made_bare() -> None:
    async with world("orjson") as place:
        value = b'{"metadata": {"name": "a"}, "apiVersion": "v1", "kind": "Pod"}'
        await place.store.create(PODS.key("default", "a"), value)
        cached = place.pods.get("default", "a")
        assert cached is not None

        bare = place.pods.bare(cached, CODECS["orjson"])

        assert b"kind" not in bare
        assert CODECS["orjson"].decode_bare(Pod, bare).metadata.name == "a"


async def test_value_that_no_codec_reads_is_left_out_and_counted() -> None:
    async with world() as place:
        await place.put("a")
        sink = Sink()
        place.pods.subscribe(Selection(), sink)
        key = PODS.key("default", "a")
        found = await place.store.get(key)
        assert found is not None

        broken = await place.store.update(key, b"garbage", expected=found.revision)

        assert place.cache.counters.undecodable == 1
        assert place.pods.get("default", "a") is None
        assert sink.told == []  # it was not deleted: what belongs to it must stay

        mended = await place.store.update(key, found.value, expected=broken)
        assert sink.told == [("MODIFIED", "a", mended)]
        await place.store.update(key, b"garbage", expected=mended)
        gone = await place.store.delete(key)
        assert sink.told[1:] == [("DELETED", "a", gone)]
        assert place.pods.get("default", "a") is None


async def test_select_by_node_looks_up_what_a_filter_would_find() -> None:
    async with world() as place:
        for number in range(30):
            await place.put(f"p{number:02}", node=f"n{number % 3}")
        await place.put("p00", node="n1")
        await place.drop("p01")

        text = "spec.nodeName=n1"
        found = place.pods.select(Selection(field_text=text, fields=parse_fields(text)))

        want = sorted({f"p{n:02}" for n in range(30) if n % 3 == 1} - {"p01"} | {"p00"})
        assert [obj.name for run in found for obj in run] == want


def test_wait_for_a_future_revision_ends_when_it_comes_or_after_three_seconds() -> None:
    async def main() -> None:
        store = STORES["memory"].make(StoreOptions(clock=VirtualClock(), inline_commits=True))
        async with world(store=store) as place:
            loop = asyncio.get_running_loop()
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(place.cache.wait_for(place.cache.revision + 1))
                await asyncio.sleep(1)
                await place.put("a")
            assert waiting.done()
            began = loop.time()

            with pytest.raises(FutureRevisionError) as caught:
                await place.cache.wait_for(99)

            assert loop.time() - began == pytest.approx(3.0)
            assert (caught.value.revision, caught.value.current) == (99, place.cache.revision)

    run_virtual(main())


async def test_futures_of_revisions_that_never_come_are_not_kept_once_they_are_left() -> None:
    async with world() as place:
        kept = place.cache.reached(10**18)

        for number in range(10 * LEFT_MAX):
            place.cache.reached(10**17 + number).cancel()
            await asyncio.sleep(0)

        assert place.cache.waiting <= 2 * LEFT_MAX
        assert not kept.done()


async def test_lost_store_watch_ends_the_watchers_and_lists_again() -> None:
    async with world() as place:
        await place.put("a")
        sink = Sink()
        place.pods.subscribe(Selection(), sink)

        error = CompactedError(2, 9)
        place.pods.closed(error)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await place.put("b")

        assert sink.end == [error]
        assert place.cache.counters.resyncs == 1
        assert place.pods.get("default", "b") is not None


async def test_reads_are_refused_while_the_cache_lists_again() -> None:
    async with world() as place:
        await place.put("a")
        place.pods.closed(CompactedError(2, 9))
        nodes = place.cache.of(NODES)
        reads: list[Callable[[ResourceCache], object]] = [
            lambda cache: cache.snapshot(),
            lambda cache: cache.select(Selection()),
            lambda cache: cache.replay(Selection(), cache.revision),
            lambda cache: cache.subscribe(Selection(), Sink()),
        ]

        for read in reads:
            with pytest.raises(ReinitializingError):
                read(place.pods)
            read(nodes)
        assert place.cache.lost == ["pods"]
        assert place.cache.counters.refused_reinitializing == len(reads)
        for _ in range(5):
            await asyncio.sleep(0)

        assert place.cache.lost == []
        for read in reads:
            read(place.pods)


async def test_closing_the_cache_ends_the_watchers() -> None:
    sink = Sink()
    async with world() as place:
        place.pods.subscribe(Selection(), sink)

    assert sink.end == [None]


async def test_resource_that_is_never_listed_is_not_cached() -> None:
    async with world() as place:
        with pytest.raises(NotCachedError):
            place.cache.of(BINDINGS)


async def test_equal_label_sets_are_held_once() -> None:
    async with world() as place:
        await place.put("a", labels={"app": "x", "tier": "y"})
        await place.put("b", labels={"tier": "y", "app": "x"})

        one, two = place.pods.get("default", "a"), place.pods.get("default", "b")

        assert one is not None
        assert two is not None
        assert one.labels is two.labels
