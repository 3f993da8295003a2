"""Stories on each engine, on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from storage.engine.store import EngineStore
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual

Story = Callable[[EngineStore], Coroutine[object, object, None]]
Play = Callable[[Story], None]


@pytest.fixture(params=["memory", "etcd3"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Run a story on an engine that opens on the same directory each time."""
    clock = VirtualClock()

    def run(story: Story) -> None:
        async def main() -> None:
            options = StoreOptions(
                data_dir=tmp_path / "data", clock=clock, inline_commits=True, sync=False
            )
            store = STORES[request.param].make(options)
            assert isinstance(store, EngineStore)
            async with store:
                await story(store)

        run_virtual(main())

    return run
