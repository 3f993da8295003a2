"""The event recorder on the fake API: what is posted, counted, dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster.client.events import EventRecorder
from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.interface import ObjectKey, TransportError
from serialization.api.core.v1_pb2 import Event, ObjectReference
from serialization.errors import DecodeError
from serialization.kinds import EVENTS
from storage.clock import SystemClock

POD = ObjectReference(kind="Pod", namespace="ns", name="p", uid="u")
NODE = ObjectReference(kind="Node", name="n", uid="v")


def run(
    scenario: Callable[[FakeApi, EventRecorder], Awaitable[None]],
    *,
    waiting_max: int = 100,
    workers: int = 1,
) -> None:
    async def main() -> None:
        api = FakeApi()
        recorder = EventRecorder(
            api, SystemClock(), component="part", waiting_max=waiting_max, workers=workers
        )
        async with asyncio.TaskGroup() as group:
            work = group.create_task(recorder.run())
            await scenario(api, recorder)
            work.cancel()

    asyncio.run(main())


def test_event_says_who_did_what_to_whom() -> None:
    async def scenario(api: FakeApi, recorder: EventRecorder) -> None:
        recorder.record(POD, "Started", "it runs")
        recorder.for_host("h").record(NODE, "Lost", "it is gone", warning=True)
        await recorder.drain()

        lost, started = sorted(api.objects(Event), key=lambda event: event.reason)
        assert (started.type, started.message, started.count) == ("Normal", "it runs", 1)
        assert started.involvedObject == POD
        assert started.metadata.namespace == "ns"
        assert started.metadata.name.startswith("p.")
        assert started.source.component == "part"
        assert started.firstTimestamp.seconds > 0
        assert (lost.type, lost.source.host, lost.metadata.namespace) == ("Warning", "h", "default")

    run(scenario)


def test_event_that_comes_again_is_counted_in_one_object() -> None:
    async def scenario(api: FakeApi, recorder: EventRecorder) -> None:
        for _ in range(3):
            recorder.record(POD, "FailedScheduling", "no room", warning=True)
        recorder.record(POD, "FailedScheduling", "another reason", warning=True)
        await recorder.drain()

        counts = {event.message: event.count for event in api.objects(Event)}
        assert counts == {"no room": 3, "another reason": 1}

    run(scenario)


def test_event_whose_object_expired_is_posted_anew() -> None:
    async def scenario(api: FakeApi, recorder: EventRecorder) -> None:
        recorder.record(POD, "Started", "it runs")
        await recorder.drain()
        name = api.objects(Event)[0].metadata.name
        api.remove(EVENTS, ObjectKey("ns", name))

        recorder.record(POD, "Started", "it runs")
        await recorder.drain()

        assert [event.count for event in api.objects(Event)] == [2]

    run(scenario)


def test_repetition_is_not_written_while_the_event_is() -> None:
    async def scenario(api: FakeApi, recorder: EventRecorder) -> None:
        for _ in range(5):
            recorder.record(POD, "BackOff", "again", warning=True)
        await recorder.drain()

        (event,) = api.objects(Event)
        assert (event.count, recorder.posted, recorder.failed) == (5, 5, 0)

    run(scenario, workers=4)


def test_controller_of_many_pods_tells_of_nine_and_combines_the_rest() -> None:
    async def scenario(api: FakeApi, recorder: EventRecorder) -> None:
        for number in range(250):
            recorder.record(POD, "SuccessfulCreate", f"Created pod: p-{number}")
        await recorder.drain()

        counts = {event.message: event.count for event in api.objects(Event)}
        combined = "(combined from similar events): Created pod: p-24"
        assert counts == {f"Created pod: p-{n}": 1 for n in range(9)} | {combined: 16}
        assert (recorder.posted, recorder.withheld, recorder.dropped) == (25, 225, 0)

    run(scenario, workers=4, waiting_max=1000)


def test_full_line_drops_and_counts() -> None:
    async def scenario(api: FakeApi, recorder: EventRecorder) -> None:
        for number in range(5):
            recorder.record(POD, "Started", str(number))
        await recorder.drain()

        assert (recorder.posted, recorder.dropped) == (2, 3)

    run(scenario, waiting_max=2)


@pytest.mark.parametrize(
    "error", [failure(500), TransportError("torn"), DecodeError("torn")], ids=str
)
def test_refused_event_is_counted_and_the_next_one_posted(error: Exception) -> None:
    async def scenario(api: FakeApi, recorder: EventRecorder) -> None:
        api.fail_next("create", error)
        recorder.record(POD, "Started", "a")
        recorder.record(POD, "Started", "b")
        await recorder.drain()

        assert (recorder.posted, recorder.failed) == (1, 1)

    run(scenario)


def test_events_of_one_object_have_different_names() -> None:
    async def scenario(api: FakeApi, recorder: EventRecorder) -> None:
        for number in range(20):
            recorder.record(POD, f"Started{number}", "it runs")
        await recorder.drain()

        assert len(api.objects(Event)) == 20

    run(scenario)
