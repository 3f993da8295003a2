"""Many writers and watchers over two clients of a store that fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from storage.interface import Store
from storage.records import Change
from storage.registry import StoreOptions, store_entry
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_load import PREFIX, Journal, Writer, violations

WRITERS = 12
BEFORE_S = 0.7


@asynccontextmanager
async def stores(where: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two clients, as of two API servers."""
    entry = store_entry(where)
    async with entry.make(StoreOptions()) as one, entry.make(StoreOptions()) as two:
        yield one, two


async def story(
    url: str, fault: Callable[[], Awaitable[None]], *, pause_s: float = 0.0
) -> tuple[Journal, list[Change], list[Recorder]]:
    """Write through both, watch through both, fail in the middle; return what there is to see.

    Where the store keeps few changes (writers had better pause then) the history is that which the
    first watch was told.
    """
    journal = Journal()
    async with stores(url) as pair:
        start = pair[0].current_revision()
        recorders = [Recorder(start) for _ in range(4)]
        for place, recorder in enumerate(recorders):
            pair[place % 2].watch(PREFIX, recorder, after=start)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                store = pair[number % 2]
                writer = Writer(store, number, journal, seed=7, pause_s=pause_s)
                group.create_task(writer.run(stop))
            await asyncio.sleep(BEFORE_S)
            await fault()
            await journal.reach(len(journal.acknowledged) + 10 * WRITERS)
            stop.set()
        end = await pair[0].latest_revision()
        for recorder in recorders:
            await recorder.reach(end)
            assert recorder.error is None
        history = [change for change in recorders[0].changes if change.revision <= end]
        if pair[0].capabilities.history_events is None:
            history = await _whole(url, start, end)
    return journal, history, recorders


async def _whole(url: str, start: int, end: int) -> list[Change]:
    """Return the history as a third client reads it, who saw nothing of the fault."""
    async with store_entry(url).make(StoreOptions()) as fresh:
        recorder = Recorder(start)
        fresh.watch(PREFIX, recorder, after=start)
        await recorder.reach(end)
        return [change for change in recorder.changes if change.revision <= end]


def assert_nothing_lost(journal: Journal, history: list[Change], recorders: list[Recorder]) -> None:
    """Hold the store's history, and what watches were told, against what writers were told."""
    assert violations(journal, history) == []
    assert len(journal.acknowledged) > WRITERS
    for recorder in recorders:
        told = [c[:4] for c in recorder.changes if c.revision <= history[-1].revision]
        kept = [c[:4] for c in history]
        missed = [each for each in kept if each not in told]
        beyond = [each for each in told if each not in kept]
        assert told == kept, f"missed {missed}, beyond it {beyond}, in {len(kept)} changes"
