"""Our served engine is killed under writers over gRPC: nothing lost, no watch with a gap."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.storage.remote.fault_story import assert_nothing_lost, story
from tests.storage.remote.served import Served

KILLS = 3
AWAY_S = 0.3


async def die_again_and_again(served: Served) -> None:
    """Kill it and let it come back, under load."""
    for _ in range(KILLS):
        await asyncio.sleep(AWAY_S)
        await asyncio.to_thread(served.kill)
        await asyncio.sleep(AWAY_S)
        await asyncio.to_thread(served.start)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_served_engine_is_killed(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.start()
    try:
        told = asyncio.run(story(served.url, partial(die_again_and_again, served)))
    finally:
        served.kill()

    assert_nothing_lost(*told)
