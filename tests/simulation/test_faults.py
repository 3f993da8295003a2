"""The same story over a network that loses, delays and tears: it ends as it must, as told again."""

from __future__ import annotations

import random

import pytest

from cluster.client.exchange import Exchange
from storage.virtual_time import run_virtual
from tests.simulation.faults import FaultyExchange
from tests.simulation.plane import plane
from tests.simulation.story import Told, tell

pytestmark = pytest.mark.slow


async def told_through_faults(seed: int) -> tuple[Told, int, int]:
    """Return the story, and how many syncs and watches failed on the way."""
    chance = random.Random(f"faults/{seed}")

    def between(exchange: Exchange) -> Exchange:
        return FaultyExchange(exchange, random.Random(chance.getrandbits(64)))

    async with plane(seed, between=between) as made:
        told = await tell(made)
        control, nodes = made.cluster.control, made.cluster.nodes
        failed = sum(runner.workers.failed for runner in control.runners.values())
        failed += nodes.fleet.pod_workers.failed + control.scheduler.counts.bind_failed
        return told, failed, nodes.fleet.heartbeats.counts.missed


def test_story_ends_as_it_must_over_a_bad_network_and_does_so_again(seed: int) -> None:
    told, failed, missed = run_virtual(told_through_faults(seed))
    again, _, _ = run_virtual(told_through_faults(seed))

    assert failed > 10
    assert missed == 0
    assert again.record() == told.record()
