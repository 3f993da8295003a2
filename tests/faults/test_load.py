"""The load itself: when it ends."""

from __future__ import annotations

import asyncio

from storage.engine.committer import InlineCommitter
from storage.engine.store import EngineStore, Parts
from storage.memory.backend import MemoryBackend
from storage.registry import STORES
from storage.virtual_time import VirtualClock, run_virtual
from tests.faults import pace
from tests.faults.load import Load
from tests.faults.records import Acknowledged, Alarm, Entry
from tests.storage.engine.faulty_committer import Fault, FaultyCommitter

WRITES = 40


def test_load_that_is_stopped_as_the_disk_fails_ends_when_it_is_well_again() -> None:
    entries: list[Entry] = []

    async def story() -> None:
        clock, stop = VirtualClock(), asyncio.Event()
        committer = FaultyCommitter(InlineCommitter(clock))

        def note(entry: Entry) -> None:
            entries.append(entry)
            if isinstance(entry, Acknowledged) and not stop.is_set():
                done = sum(1 for each in entries if isinstance(each, Acknowledged))
                if done == WRITES:
                    committer.faults.extend([Fault.BEFORE] * 3)
                    stop.set()

        parts = Parts(MemoryBackend(), committer, clock, STORES["memory"].capabilities)
        async with EngineStore(parts) as store:
            await Load(store, note, clock, seed="1", first=0).run(stop, {}, writers=8)
            assert not (await store.status()).alarm

    run_virtual(story())

    assert [bool(each.why) for each in entries if isinstance(each, Alarm)] == [True, False]
    assert pace.alarms(entries) == []
