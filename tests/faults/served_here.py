"""Engines served in this process, so that what they hold can be counted, and their clock be set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.clock import Clock
from storage.engine.store import EngineStore
from storage.etcd2.opening import etcd2_engine
from storage.registry import STORES, StoreOptions
from storage.serve.etcd2 import server as v2
from storage.serve.etcd2.serving import Serving as Serving2
from storage.serve.etcd3 import server as v3
from storage.serve.etcd3.limits import Limits
from storage.serve.etcd3.serving import Serving as Serving3
from tests.faults.subjects import Subject

FREE: Final = "127.0.0.1:0"
PATIENCE_S: float = 10.0
"""What has not come to be by then never will."""


@dataclass(frozen=True)
class Here:
    """A served engine."""

    target: str
    url: str
    watches: Callable[[], int]
    """How many watches the engine holds."""


@asynccontextmanager
async def served_here(subject: Subject, folder: Path, clock: Clock) -> AsyncIterator[Here]:
    """Serve an engine on a free port of loopback, on data in ``folder`` if it is durable."""
    data_dir = folder / "data" if subject.durable else None
    if subject.api == 2:
        async with (
            etcd2_engine(data_dir, clock=clock) as engine,
            v2.listening(v3.Address(FREE)) as listener2,
        ):
            await listener2.serve(Serving2(engine, clock, client_urls=(listener2.url,)))
            url = f"etcd2://{listener2.target}"
            yield Here(listener2.target, url, lambda: listener2.watchers)
        return
    store = STORES[subject.engine].make(StoreOptions(data_dir=data_dir, clock=clock))
    assert isinstance(store, EngineStore)
    limits = Limits()
    async with store, v3.listening(v3.Address(FREE), limits.request_bytes) as listener:
        serving = Serving3(store, clock, client_urls=(listener.url,), limits=limits)
        await listener.serve(serving)
        yield Here(listener.target, f"etcd3://{listener.target}", lambda: _watches(store))


def _watches(store: EngineStore) -> int:
    hub = store._hub
    lists = [*hub._synced.values(), *hub._spans.values(), hub._replaying]
    return sum(len(each) for each in lists)


async def settles(true: Callable[[], bool]) -> bool:
    """Wait until something is true; tell whether it came to be."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + PATIENCE_S
    while not true():
        if loop.time() > end_s:
            return False
        await asyncio.sleep(0.02)
    return True
