"""What is still in line when a process is asked to end: posted, within a bound."""

from __future__ import annotations

import asyncio

from cluster.client.events import EventRecorder
from cluster.client.fake import FakeApi
from cluster.processes.assembly import EVENTS_DRAIN_S, drain_events
from serialization.api.core.v1_pb2 import ObjectReference
from storage.virtual_time import VirtualClock, run_virtual


def recorder_with(events: int) -> EventRecorder:
    recorder = EventRecorder(FakeApi(), VirtualClock(), component="part")
    for number in range(events):
        pod = ObjectReference(kind="Pod", namespace="ns", name="p", uid=str(number))
        recorder.record(pod, "Started", "it runs")
    return recorder


def test_events_in_line_are_posted_before_the_end() -> None:
    async def scenario() -> None:
        recorders = [recorder_with(30), recorder_with(0)]
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(recorder.run()) for recorder in recorders]
            await drain_events(recorders)
            for task in work:
                task.cancel()

        assert (recorders[0].posted, recorders[0].waiting) == (30, 0)

    run_virtual(scenario())


def test_events_that_nobody_takes_do_not_hold_up_the_end() -> None:
    async def scenario() -> None:
        clock, recorder = VirtualClock(), recorder_with(3)
        begin_ns = clock.stamp_ns()

        await drain_events([recorder])

        assert clock.stamp_ns() - begin_ns == EVENTS_DRAIN_S * 1e9
        assert recorder.waiting == 3

    run_virtual(scenario())


def test_a_process_without_events_ends_at_once() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        begin_ns = clock.stamp_ns()

        await drain_events([])

        assert clock.stamp_ns() == begin_ns

    run_virtual(scenario())
