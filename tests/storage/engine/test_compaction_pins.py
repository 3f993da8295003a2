"""Compaction waits for lists that read at an older revision."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.reads import READ_PAGE
from storage.errors import StoreClosedError
from storage.virtual_time import run_virtual
from tests.storage.engine.faults import Stage, turns

KEYS = [b"/k/%05d" % number for number in range(8 * READ_PAGE + 1)]


async def filled(stage: Stage) -> None:
    for key in KEYS:
        stage.store.create(key, b"old")
    await stage.committer.finish_all()


def test_removal_waits_for_a_pin_and_then_goes_on() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            await filled(stage)
            reader, pinned = stage.store._reader, stage.store.current_revision()
            values = stage.store._backend._values  # type: ignore[attr-defined]  # the memory backend's
            reader._pins.pin(pinned)
            for number, key in enumerate(KEYS):
                stage.store.update(key, b"new", expected=number + 2)
            stage.store.delete(KEYS[-1])
            await stage.committer.finish_all()
            compacting = asyncio.ensure_future(stage.store.compact(stage.store.current_revision()))
            await stage.committer.finish_all()
            await compacting

            page = reader._page(b"/k/", b"", len(KEYS), pinned)
            assert [item.key for item in page] == KEYS
            assert {item.value for item in page} == {b"old"}

            reader._pins.release(pinned)
            await stage.committer.finish_all()
            assert set(values.values()) == {b"new"}
            assert len(values) == len(KEYS) - 1

    run_virtual(scenario())


def test_whoever_waits_for_a_removal_is_told_of_its_end() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            await filled(stage)
            reader, pinned = stage.store._reader, stage.store.current_revision()
            values = stage.store._backend._values  # type: ignore[attr-defined]  # the memory backend's
            reader._pins.pin(pinned)
            stage.store.delete(KEYS[0])
            await stage.committer.finish_all()
            at = stage.store.current_revision()
            compacting = asyncio.ensure_future(stage.store.compact(at))
            await stage.committer.finish_all()
            await compacting

            waiting = [asyncio.ensure_future(stage.store.removed(at)) for _ in range(2)]
            await turns(2)
            assert not any(each.done() for each in waiting)
            waiting[0].cancel()

            reader._pins.release(pinned)
            await stage.committer.finish_all()
            await waiting[1]
            assert len(values) == len(KEYS) - 1
            await stage.store.removed(at)

    run_virtual(scenario())


def test_whoever_waits_for_a_removal_is_told_that_the_store_closes() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            await filled(stage)
            stage.store._reader._pins.pin(1)
            waiting = asyncio.ensure_future(stage.store.removed(2))
            await turns(1)
        with pytest.raises(StoreClosedError):
            await waiting

    run_virtual(scenario())


def test_running_list_holds_a_pin_until_it_ends_or_is_cancelled() -> None:
    async def scenario() -> None:
        async with Stage() as stage:
            await filled(stage)
            pins, revision = stage.store._reader._pins, stage.store.current_revision()
            lists = [asyncio.ensure_future(stage.store.list(b"/k/")) for _ in range(2)]
            await turns(1)
            assert pins.lowest(0) == revision

            lists[0].cancel()
            await turns(1)
            assert pins.lowest(0) == revision

            assert len((await lists[1]).items) == len(KEYS)
            assert pins.lowest(0) == 0

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
