"""Leases as objects while commits fail."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.group_commit import PROBE_FIRST_S
from storage.errors import ReadOnlyError
from storage.virtual_time import run_virtual
from tests.storage.engine.faults import Stage, turns


async def granted(stage: Stage, ttl_s: int) -> int:
    grant = asyncio.ensure_future(stage.store.leases.grant(ttl_s))
    await turns()
    await stage.committer.finish()
    return await grant


def test_grant_that_did_not_reach_the_disk_is_none() -> None:
    async def story() -> None:
        async with Stage() as stage:
            grant = asyncio.ensure_future(stage.store.leases.grant(10))
            await turns()
            await stage.committer.fail()

            with pytest.raises(ReadOnlyError):
                await grant
            assert await stage.store.leases.lease_ids() == []
            await asyncio.sleep(2 * PROBE_FIRST_S)
            await stage.committer.finish()

    run_virtual(story())


def test_lease_whose_end_failed_ends_later() -> None:
    async def story() -> None:
        async with Stage() as stage:
            lease = await granted(stage, 10)
            stage.store.create(b"/a", b"one", lease=lease)
            await stage.committer.finish()

            await asyncio.sleep(10.1)
            await stage.committer.fail()
            assert await stage.store.leases.lease_ids() == [lease]
            assert await stage.store.get(b"/a") is not None
            await asyncio.sleep(2 * PROBE_FIRST_S)
            await stage.committer.finish()
            await asyncio.sleep(2)
            await stage.committer.finish_all()

            assert await stage.store.get(b"/a") is None
            assert await stage.store.leases.lease_ids() == []

    run_virtual(story())
