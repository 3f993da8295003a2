"""Where writes share revisions, a watch that goes on is told the last revision again, whole."""

from __future__ import annotations

import pytest

from storage.errors import CompactedError
from storage.watchcache.config import CacheConfig
from storage.watchcache.selection import Selection
from tests.storage.watchcache.sharing import put_together, sharing_store
from tests.storage.watchcache.world import World, world

EVERYTHING = Selection()


def told(sharer: World, after: int) -> list[tuple[str, int]]:
    """Return what a watch is told that goes on after a revision."""
    pods = sharer.pods
    replay = pods.replay(EVERYTHING, pods.resumption(after))
    assert replay.complete
    return [(event.object.name, event.object.revision) for event in replay.events]


async def test_a_shared_revision_is_told_again_and_a_lone_one_is_not() -> None:
    async with world(store=sharing_store()) as sharer:
        first = await sharer.put("a")
        both = await put_together(sharer, "b", "c")
        last = await sharer.put("d")

        assert told(sharer, first) == [("b", both), ("c", both), ("d", last)]
        assert told(sharer, both) == [("b", both), ("c", both), ("d", last)]
        assert told(sharer, last) == []
        assert sharer.cache.counters.flat()["watchcache_retold"] == 1


async def test_a_shared_revision_that_has_gone_cannot_be_gone_on_from() -> None:
    config = CacheConfig(history_events=4)
    async with world(config=config, store=sharing_store()) as sharer:
        both = await put_together(sharer, "b", "c")
        lone = [await sharer.put(name) for name in "defgh"]
        assert sharer.pods.floor == both

        with pytest.raises(CompactedError):
            sharer.pods.resumption(both)

        assert sharer.pods.resumption(lone[0]) == lone[0]
        assert sharer.cache.counters.flat()["watchcache_too_old"] == 1


async def test_nothing_is_told_again_where_no_revision_is_declared_shared() -> None:
    async with world() as usual:
        both = await put_together(usual, "b", "c")

        assert told(usual, both) == []
