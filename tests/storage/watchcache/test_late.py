from __future__ import annotations

import asyncio

import pytest

from serialization.api.core.v1_pb2 import Event, Pod
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import EVENTS, PODS
from storage.errors import StoreClosedError
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import run_virtual
from storage.watchcache.cache import WatchCache
from storage.watchcache.config import CacheConfig

CODEC = CODECS["protobuf"]
COUNT = 1200
"""More than two pages."""


async def filled(store: Store) -> None:
    for number in range(COUNT):
        name = f"e-{number:04d}"
        event = Event(metadata=ObjectMeta(name=name, namespace="ns"), reason="Pulled")
        value = CODEC.encode(TypeMeta("v1", "Event"), event)
        await store.create(EVENTS.key("ns", name), value)
    pod = Pod(metadata=ObjectMeta(name="one", namespace="ns"))
    await store.create(PODS.key("ns", "one"), CODEC.encode(TypeMeta("v1", "Pod"), pod))


def late_cache(store: Store) -> WatchCache:
    return WatchCache(store, CODEC, (EVENTS, PODS), CacheConfig(late=frozenset({EVENTS.message})))


def test_late_resource_is_read_behind_the_others_and_misses_no_write() -> None:
    async def main() -> None:
        async with STORES["memory"].make(StoreOptions()) as store:
            await filled(store)
            async with late_cache(store) as cache:
                assert cache.of(PODS).get("ns", "one") is not None
                assert list(cache.opening) == [EVENTS.message]
                await cache.opened(PODS.message)
                assert cache.opening

                await asyncio.sleep(0)
                gone = store.delete(EVENTS.key("ns", "e-0000"))
                await store.delete(EVENTS.key("ns", f"e-{COUNT - 1}"))
                await gone
                await cache.opened(EVENTS.message)

                assert not cache.opening
                await cache.opened()
                held = cache.of(EVENTS)
                assert [obj.name for obj in held.snapshot("ns")] == [
                    f"e-{number:04d}" for number in range(1, COUNT - 1)
                ]
                assert held.get("ns", "e-0000") is None

    run_virtual(main())


def test_cache_that_ends_before_a_late_resource_is_read_ends_at_once() -> None:
    async def main() -> None:
        async with STORES["memory"].make(StoreOptions()) as store:
            await filled(store)
            async with late_cache(store) as cache:
                waiting = asyncio.ensure_future(cache.opened(EVENTS.message))
                await asyncio.sleep(0)
            with pytest.raises(StoreClosedError):  # it must not be taken for an empty one
                await waiting
            assert not cache.opening

    run_virtual(main())
