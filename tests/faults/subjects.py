"""What faults are played to: engines in process, and engines behind the protocols they serve."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, NamedTuple

from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions, store_entry
from tests.faults.records import PREFIX, TIMED, Ending, Item


class Subject(NamedTuple):
    """An engine, in process or served."""

    name: str
    engine: str
    """Its name in the registry of stores."""
    api: int = 0
    """The generation of etcd's protocol that it is served over; 0: in process."""

    full_only: bool = False
    """It differs from others by little, and is left out of the short form."""

    @property
    def durable(self) -> bool:
        """Whether it promises to survive its process."""
        return STORES[self.engine].capabilities.durable

    @property
    def ends(self) -> tuple[str, ...]:
        """The errors that may end a watch of it, where no history is lost."""
        bounded = STORES[self.engine].capabilities.history_events is not None
        return ("CompactedError",) if bounded else ()

    def missing(self) -> str:
        """Say why it cannot be played to yet; empty where it can."""
        return "" if self.engine in STORES else f"there is no engine {self.engine}"


SUBJECTS: Final = {
    subject.name: subject
    for subject in (
        Subject("memory", "memory"),
        Subject("etcd3", "etcd3"),
        Subject("etcd2", "etcd2"),
        Subject("memory-v3", "memory", 3, full_only=True),
        Subject("etcd3-v3", "etcd3", 3),
        Subject("etcd2-v2", "etcd2", 2),
    )
}


def ending_of(store: str, data_dir: Path | None = None) -> Ending:
    """Return what is found by somebody who saw nothing of the fault: by name, or by address."""
    return asyncio.run(_ending(store, data_dir))


async def _ending(name: str, data_dir: Path | None) -> Ending:
    options = StoreOptions(data_dir=data_dir, clock=SystemClock(), sync=False, inline_commits=True)
    async with store_entry(name).make(options) as store:
        listing = await store.list(PREFIX)
        lasting = [each for each in listing.items if not each.key.startswith(TIMED)]
        read = await asyncio.gather(*(store.get(each.key) for each in lasting))
        assert read == lasting, "keys read otherwise than they list"
        items = {item.key: Item(item.value, item.revision) for item in listing.items}
        return Ending(await store.latest_revision(), items)
