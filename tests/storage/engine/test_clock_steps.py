"""A wall clock that is set while a store is open: TTLs and leases go by what has really passed."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.store import EngineStore
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual

DAY_S = 86_400.0


@pytest.mark.parametrize("step_s", [DAY_S, -DAY_S, 5.0, -5.0])
def test_step_of_the_wall_clock_neither_ends_nor_prolongs_a_ttl(step_s: float) -> None:
    async def story() -> None:
        clock = VirtualClock()
        store = STORES["memory"].make(StoreOptions(clock=clock))
        assert isinstance(store, EngineStore)
        async with store:
            lease = await store.leases.grant(10)
            await store.create(b"/ttl", b"one", ttl_s=10)
            await store.create(b"/leased", b"one", lease=lease)
            await asyncio.sleep(2)
            clock.offset_s += step_s

            await asyncio.sleep(7.5)
            assert await store.count(b"/") == 2
            assert (await store.leases.time_to_live(lease)).remaining_ms == 500
            await asyncio.sleep(1)
            assert await store.count(b"/") == 0
            assert await store.leases.lease_ids() == []

    run_virtual(story())
