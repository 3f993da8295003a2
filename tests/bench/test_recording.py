from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bench.recording import PodRecorder
from cluster.client.fake import FakeApi
from cluster.client.interface import ObjectKey
from serialization.api.core.v1_pb2 import Pod
from serialization.api.meta.v1_pb2 import ObjectMeta, OwnerReference
from serialization.kinds import PODS
from storage.virtual_time import VirtualClock, run_virtual

KEY = ObjectKey("default", "a")
STEP_S = 1.0

Story = Callable[[FakeApi, PodRecorder], Awaitable[None]]


def pod(name: str = "a") -> Pod:
    return Pod(metadata=ObjectMeta(namespace="default", name=name))


async def _watched(story: Story, *present: Pod) -> PodRecorder:
    clock = VirtualClock()
    api = FakeApi(clock)
    for early in present:
        api.add(early)
    recorder = PodRecorder(api, clock)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(recorder.run())
        await recorder.wait_synced()
        await asyncio.sleep(STEP_S)
        await story(api, recorder)
        await asyncio.sleep(STEP_S)
        watching.cancel()
    return recorder


def test_recorder_stamps_the_first_event_of_each_sort() -> None:
    async def story(api: FakeApi, recorder: PodRecorder) -> None:
        made = pod()
        made.metadata.ownerReferences.append(OwnerReference(uid="rc"))
        made = api.add(made)
        await asyncio.sleep(STEP_S)
        made.spec.nodeName = "n1"
        made = api.put(made)
        await asyncio.sleep(STEP_S)
        made.status.phase = "Running"
        made = api.put(made)
        await asyncio.sleep(STEP_S)
        made.status.podIP = "10.0.0.1"
        api.put(made)
        await asyncio.sleep(STEP_S)
        api.remove(PODS, KEY)

    recorder = run_virtual(_watched(story))

    (record,) = recorder.records.values()
    stamps = [record.added_ns, record.bound_ns, record.running_ns, record.deleted_ns]
    assert [stamp // 10**9 for stamp in stamps] == [1, 2, 3, 5]
    assert (record.node, record.owned, record.from_list) == ("n1", True, False)
    assert (recorder.running, recorder.gone, recorder.alive, recorder.events) == (1, 1, 0, 5)
    assert recorder.running_bytes > 0


def test_recorder_marks_what_it_first_saw_in_a_list() -> None:
    async def story(api: FakeApi, recorder: PodRecorder) -> None:
        api.add(pod("b"))

    recorder = run_virtual(_watched(story, pod("a")))

    assert {r.name: r.from_list for r in recorder.records.values()} == {"a": True, "b": False}


def test_recorder_resumes_a_torn_watch_and_counts_it() -> None:
    async def story(api: FakeApi, recorder: PodRecorder) -> None:
        api.drop_watch()
        api.add(pod())
        await asyncio.sleep(STEP_S)

    recorder = run_virtual(_watched(story))

    assert (recorder.resumed, recorder.relisted) == (1, 0)
    assert len(recorder.records) == 1


def test_recorder_lists_again_after_the_history_is_gone_and_finds_what_was_deleted() -> None:
    async def story(api: FakeApi, recorder: PodRecorder) -> None:
        api.remove(PODS, KEY)
        api.add(pod("b"))
        api.expire()
        await asyncio.sleep(STEP_S)

    recorder = run_virtual(_watched(story, pod("a")))

    assert recorder.relisted == 1
    assert {r.name: bool(r.deleted_ns) for r in recorder.records.values()} == {
        "a": True,
        "b": False,
    }


def test_recorder_goes_on_after_the_server_ended_the_watch_in_order() -> None:
    async def story(api: FakeApi, recorder: PodRecorder) -> None:
        api.end_watch()
        api.add(pod())
        await asyncio.sleep(STEP_S)

    recorder = run_virtual(_watched(story))

    assert (recorder.resumed, recorder.relisted, len(recorder.records)) == (0, 0, 1)


def test_recorder_takes_bookmarks_for_no_pods() -> None:
    async def story(api: FakeApi, recorder: PodRecorder) -> None:
        api.bookmark()

    recorder = run_virtual(_watched(story))

    assert (recorder.events, recorder.records) == (0, {})


def test_reaching_gives_up_when_nothing_comes() -> None:
    async def story(api: FakeApi, recorder: PodRecorder) -> None:
        clock = VirtualClock()
        begin_ns = clock.stamp_ns()
        assert not await recorder.reach(lambda: recorder.running, 1, 5.0)
        assert clock.stamp_ns() - begin_ns >= 5 * 10**9

    run_virtual(_watched(story))


def test_quiet_waits_for_a_pause_of_events() -> None:
    async def story(api: FakeApi, recorder: PodRecorder) -> None:
        async with asyncio.TaskGroup() as group:
            noise = group.create_task(_noise(api))
            assert not await recorder.quiet(0.5, 2.0)
            noise.cancel()
        assert await recorder.quiet(0.5, 2.0)

    run_virtual(_watched(story))


async def _noise(api: FakeApi) -> None:
    for number in range(1000):
        api.add(pod(f"noise-{number}"))
        await asyncio.sleep(0.1)
