"""Compaction waits for lists that read at an older revision."""

from __future__ import annotations

import asyncio

from storage.engine.reads import READ_PAGE
from tests.storage.engine.faults import Stage, turns
from tests.storage.virtual_time import run_virtual

KEYS = [b"/k/%05d" % number for number in range(8 * READ_PAGE + 1)]


async def filled(stage: Stage) -> None:
    for key in KEYS:
        stage.store.create(key, b"old")
    await stage.committer.finish_all()


async def overwritten(stage: Stage) -> None:
    """Replace every value and delete one key, within two turns of the loop."""
    for number, key in enumerate(KEYS):
        stage.store.update(key, b"new", expected=number + 2)
    stage.store.delete(KEYS[-1])
    await turns(2)
    stage.committer.finish_now()


def test_removal_waits_for_the_list_and_then_goes_on() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            await filled(stage)
            values = stage.store._backend._values  # type: ignore[attr-defined]  # the memory backend's
            reading = asyncio.ensure_future(stage.store.list(b"/k/"))
            await asyncio.sleep(0)
            await overwritten(stage)
            compacting = asyncio.ensure_future(stage.store.compact(stage.store.current_revision()))
            await turns(1)
            stage.committer.finish_now()
            await compacting
            assert not reading.done()

            listing = await reading
            assert {item.value for item in listing.items} == {b"old"}
            assert [item.key for item in listing.items] == KEYS

            await turns()
            await stage.committer.finish_all()
            assert set(values.values()) == {b"new"}
            assert len(values) == len(KEYS) - 1

    run_virtual(scenario())


def test_page_at_the_compact_revision_is_whole_after_the_removal() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            await filled(stage)
            for number, key in enumerate(KEYS[:10]):
                stage.store.update(key, b"new", expected=number + 2)
            await stage.committer.finish_all()
            at = len(KEYS) + 6
            compacting = asyncio.ensure_future(stage.store.compact(at))
            await turns(1)
            await stage.committer.finish_all()
            await compacting

            listing = await stage.store.list(b"/k/", limit=10, revision=at)

            assert [item.value for item in listing.items] == [b"new"] * 5 + [b"old"] * 5
            assert listing.remaining == len(KEYS) - 10

    run_virtual(scenario())
