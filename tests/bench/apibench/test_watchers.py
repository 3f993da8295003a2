"""Watchers beside writers, in one process: what was written is what they saw, or they say so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bench.apibench import watchers
from bench.apibench.generator import perform
from bench.apibench.watchers import Finish, Watched, Watchers, WatchTask
from storage.clock import SystemClock
from tests.bench.apibench.served import ground

CLOCK = SystemClock()


async def _watched(*, by_node: bool, falsely: dict[str, int]) -> Watched:
    """Write and watch; tell the watchers that ``falsely`` was written beside."""
    async with ground("status-put", "protobuf", count=40, pods=6, connections=3) as plain:
        task = replace(plain, nodes=6) if by_node else plain
        told = WatchTask(task.server, task.namespace, task.codec, 6, by_node, "")
        watching = Watchers(told, CLOCK)
        await watching.open()
        outcome = await perform(task, CLOCK)
        sequences = outcome.sequences | falsely
        return await watching.complete(Finish(outcome.begin_ns, outcome.end_ns, sequences))


@pytest.mark.slow
@pytest.mark.parametrize(("by_node", "times"), [(False, 6), (True, 1)])
def test_every_watcher_sees_every_write_once(by_node: bool, times: int) -> None:
    watched = asyncio.run(_watched(by_node=by_node, falsely={}))

    assert watched.faults == {}
    assert watched.events_total == watched.expected_total == 40 * times


@pytest.mark.slow
@pytest.mark.parametrize("by_node", [False, True])
def test_a_write_that_no_event_tells_of_is_missed(
    by_node: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchers, "LOOKS_MAX", 5)

    watched = asyncio.run(_watched(by_node=by_node, falsely={"5": 40}))

    lacking = watched.expected_total - watched.events_total
    assert watched.faults["missing events"] == lacking > 0
    assert any(fault.startswith("missing: pod 5 writes") for fault in watched.faults)


@pytest.mark.slow
def test_events_that_nobody_wrote_are_told() -> None:
    watched = asyncio.run(_watched(by_node=False, falsely={"5": 0}))

    assert watched.faults["doubled events"] == watched.events_total - watched.expected_total > 0
