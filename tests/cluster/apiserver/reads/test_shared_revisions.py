"""Watches over a store whose writes share revisions: what was told of the last one comes again."""

from __future__ import annotations

import pytest

from storage.virtual_time import run_virtual
from tests.cluster.apiserver.reads.rig import rig, select
from tests.storage.watchcache.sharing import put_together, sharing_store


@pytest.mark.parametrize(
    ("fields", "again"), [("", ["a", "b", "c", "d"]), ("metadata.name=b", ["b"])]
)
def test_a_watch_that_was_cut_amid_a_revision_goes_on_with_all_of_it(
    fields: str, again: list[str]
) -> None:
    async def story() -> None:
        async with rig(store=sharing_store()) as place:
            await place.place.put("early")
            together = await put_together(place.place, "a", "b", "c")
            await place.place.put("d")

            client, task = place.watch(f"resourceVersion={together}", select(fields=fields))
            await place.settle()
            await put_together(place.place, "e", "f")
            await place.settle()
            client.leave()
            await task

            later = [] if fields else ["e", "f"]
            assert [event.pod.metadata.name for event in client.told] == again + later
            assert {event.type for event in client.told} == {"ADDED"}

    run_virtual(story())
