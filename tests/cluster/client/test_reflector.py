"""The reflector against the fake API: how faults are got over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import pytest
from google.protobuf.message import Message

from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import (
    EVERYTHING,
    Informer,
    ObjectKey,
    RawEvent,
    Selection,
    TransportError,
)
from cluster.client.reflector import Reflector, ReflectorOptions
from serialization.api.core.v1_pb2 import Pod
from serialization.errors import DecodeError
from serialization.kinds import PODS
from serialization.scheme import Resource
from storage.clock import SystemClock
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.client.following import Recording, informed, pod, until, watching

M = TypeVar("M", bound=Message)


class Nowhere:
    """A target that keeps nothing."""

    async def replace(self, items: list[bytes]) -> None:
        return

    def apply(self, events: list[RawEvent]) -> str:
        return ""


def test_torn_watch_is_resumed_without_a_list_and_without_telling_twice() -> None:
    async def scenario() -> tuple[list[tuple[str, str]], int]:
        api = FakeApi()
        async with informed(api) as (factory, _, sink):
            await watching(api)
            api.add(pod("a"))
            await sink.until(lambda: bool(sink.told))
            api.drop_watch()
            api.add(pod("b"))
            await sink.until(lambda: len(sink.told) == 2)
            return sink.told, factory.counters().lists

    assert asyncio.run(scenario()) == ([("added", "a"), ("added", "b")], 1)


def test_expired_watch_lists_again_and_tells_the_difference() -> None:
    async def scenario() -> tuple[Recording, tuple[int, int]]:
        api = FakeApi()
        for name in "abc":
            api.add(pod(name))
        async with informed(api) as (factory, _, sink):
            await watching(api)
            sink.told.clear()
            api.fail_next("watch", TransportError("away"), times=2)
            api.drop_watch()
            api.remove(PODS, ObjectKey("default", "a"))
            api.put(pod("b", "n"))
            api.remove(PODS, ObjectKey("default", "c"))
            api.add(pod("c"))
            api.add(pod("d"))
            api.expire()
            await sink.until(lambda: len(sink.told) == 4)
            counters = factory.counters()
            return sink, (counters.lists, counters.expired)

    sink, counts = asyncio.run(scenario())

    assert sorted(sink.told) == [
        ("added", "d"),
        ("deleted", "a"),
        ("updated", "b"),
        ("updated", "c"),
    ]
    assert [old == new for old, new in sink.uids] == [True, False]
    assert counts == (2, 1)


def test_first_list_may_be_any_cache_and_one_after_410_the_newest() -> None:
    class Versions(FakeApi):
        asked: list[str] = []  # noqa: RUF012 (one test, one instance)

        async def list_raw(self, *args: object, resource_version: str = "") -> object:  # type: ignore[override]  # records and passes on
            self.asked.append(resource_version)
            return await super().list_raw(*args)  # type: ignore[arg-type]  # as given

    async def scenario() -> list[str]:
        api = Versions()
        async with informed(api) as (factory, _, sink):
            await watching(api)
            api.add(pod("a"))
            await sink.until(lambda: bool(sink.told))
            api.expire()
            await until(lambda: factory.counters().lists == 2)
            return api.asked

    assert asyncio.run(scenario()) == ["0", ""]


@pytest.mark.parametrize(
    "error",
    [TransportError("away"), failure(500), failure(429), failure(403)],
    ids=["torn", "500", "429", "403"],
)
def test_failing_lists_and_watches_are_tried_again(error: Exception) -> None:
    async def scenario() -> tuple[list[tuple[str, str]], int]:
        api = FakeApi()
        api.fail_next("list", error, times=3)
        api.fail_next("watch", error, times=3)
        api.add(pod("a"))
        async with informed(api) as (factory, _, sink):
            await watching(api)
            api.add(pod("b"))
            await sink.until(lambda: len(sink.told) == 2)
            return sink.told, factory.counters().failures

    assert asyncio.run(scenario()) == ([("added", "a"), ("added", "b")], 6)


def test_watch_that_the_server_ends_is_resumed_at_its_last_bookmark() -> None:
    async def scenario() -> tuple[int, int]:
        api = FakeApi()
        async with informed(api, Selection(fields="spec.nodeName=n")) as (factory, _, sink):
            await watching(api)
            api.add(pod("a"))  # not selected: only the bookmark tells of its revision
            api.bookmark()
            await until(lambda: factory.counters().bookmarks == 1)
            api.end_watch()
            api.expire()  # all up to here is forgotten, which no longer matters
            await watching(api)
            api.add(pod("b", "n"))
            await sink.until(lambda: bool(sink.told))
            return factory.counters().lists, factory.counters().expired

    assert asyncio.run(scenario()) == (1, 0)


def test_object_that_cannot_be_decoded_leads_to_a_new_list() -> None:
    class Torn(FakeApi):
        broken = False

        def decode(self, message: type[M], bare: bytes) -> M:
            if self.broken:
                self.broken = False
                raise DecodeError("torn")
            return super().decode(message, bare)

    async def scenario() -> tuple[int, int]:
        api = Torn()
        async with informed(api) as (factory, _, sink):
            await watching(api)
            api.broken = True
            api.add(pod("a"))
            await sink.until(lambda: sink.told == [("added", "a")])
            return factory.counters().lists, factory.counters().failures

    assert asyncio.run(scenario()) == (2, 1)


def test_waits_double_up_to_a_maximum_are_jittered_and_heed_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def sleep(delay_s: float) -> None:
        waits.append(delay_s)

    async def scenario(error: Exception, times: int) -> list[float]:
        waits.clear()
        reflector = Reflector(FakeApi(), PODS, Nowhere(), random.Random(7))
        for _ in range(times):
            await reflector._back_off(error)
        return list(waits)

    monkeypatch.setattr("cluster.client.reflector.asyncio.sleep", sleep)
    doubling = asyncio.run(scenario(TransportError("away"), 9))
    told = asyncio.run(scenario(failure(429, retry_after_s=99), 1))

    for nth, wait_s in enumerate(doubling):
        base_s = min(0.8 * 2**nth, 30.0)
        assert 0.5 * base_s <= wait_s < 1.5 * base_s
    assert told == [99.0]


@pytest.mark.parametrize(("lasts_s", "watches"), [(20.0, (27, 31)), (5.0, (15, 24))])
def test_watch_that_stood_for_a_while_though_nothing_happened_is_torn_from_the_base(
    lasts_s: float, watches: tuple[int, int]
) -> None:
    class Tearing(FakeApi):
        async def watch_raw(self, *_: object, **__: object) -> AsyncGenerator[list[RawEvent], None]:
            await asyncio.sleep(lasts_s)
            if lasts_s:
                raise TransportError("torn")
            yield []

    async def scenario() -> int:
        reflector = Reflector(Tearing(VirtualClock()), PODS, Nowhere(), random.Random(1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(600):
                await reflector.run()
        return reflector.counters.watches

    least, most = watches
    assert least <= run_virtual(scenario()) <= most


STREAMING = ReflectorOptions(backoff_base_s=0.0005, backoff_max_s=0.002, initial_events=True)


@asynccontextmanager
async def streaming(
    api: FakeApi,
) -> AsyncIterator[tuple[InformerFactory, Informer[Pod], Recording]]:
    async with (
        asyncio.timeout(90),
        InformerFactory(api, SystemClock(), random.Random(1), options=STREAMING) as factory,
    ):
        informer = factory.informer(PODS, Pod)
        sink = Recording()
        informer.subscribe(sink)
        await informer.wait_synced()
        yield factory, informer, sink


def test_state_comes_by_a_watch_and_news_by_the_same() -> None:
    async def scenario() -> tuple[list[tuple[str, str]], list[str]]:
        api = FakeApi()
        for name in "ab":
            api.add(pod(name))
        async with streaming(api) as (factory, _, sink):
            assert sink.told == [("added", "a"), ("added", "b")]
            assert factory.counters().streams == 1
            api.put(pod("a", "n"))
            api.drop_watch()
            api.add(pod("c"))
            await sink.until(lambda: len(sink.told) == 4)
            return sink.told[2:], [action.verb for action in api.actions]

    told, verbs = asyncio.run(scenario())

    assert told == [("updated", "a"), ("added", "c")]
    assert verbs == ["watch", "watch"]


def test_expired_stream_begins_anew_and_tells_the_difference() -> None:
    async def scenario() -> tuple[list[tuple[str, str]], int, int]:
        api = FakeApi()
        for name in "ab":
            api.add(pod(name))
        async with streaming(api) as (factory, _, sink):
            sink.told.clear()
            api.fail_next("watch", TransportError("away"), times=2)
            api.drop_watch()
            api.remove(PODS, ObjectKey("default", "a"))
            api.put(pod("b", "n"))
            api.expire()
            await sink.until(lambda: len(sink.told) == 2)
            return sorted(sink.told), factory.counters().lists, factory.counters().streams

    assert asyncio.run(scenario()) == ([("deleted", "a"), ("updated", "b")], 0, 2)


@pytest.mark.parametrize("code", [400, 422])
def test_server_that_refuses_initial_events_is_listed_at_once(code: int) -> None:
    async def scenario() -> tuple[int, int, int]:
        api = FakeApi()
        api.add(pod("a"))
        api.fail_next("watch", failure(code))
        async with streaming(api) as (factory, _, sink):
            await watching(api)
            assert sink.told == [("added", "a")]
            counters = factory.counters()
            return counters.lists, counters.streams, counters.failures

    assert asyncio.run(scenario()) == (1, 0, 0)


def test_initial_events_that_are_torn_are_not_taken_for_the_state() -> None:
    class Torn(FakeApi):
        torn = True

        async def watch_raw(
            self,
            resource: Resource,
            selection: Selection = EVERYTHING,
            *,
            resource_version: str = "",
            timeout_s: int = 0,
            initial_events: bool = False,
        ) -> AsyncGenerator[list[RawEvent], None]:
            watch = super().watch_raw(resource, selection, initial_events=initial_events)
            async with aclosing(watch) as events:
                async for batch in events:
                    if self.torn:
                        self.torn = False
                        yield batch[:1]
                        raise TransportError("torn")
                    yield batch

    async def scenario() -> list[tuple[str, str]]:
        api = Torn()
        for name in "ab":
            api.add(pod(name))
        async with streaming(api) as (_, _, sink):
            return sink.told

    assert asyncio.run(scenario()) == [("added", "a"), ("added", "b")]
