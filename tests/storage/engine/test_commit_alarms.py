"""Failed commits: what they take with them, the alarm, and how it ends."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.group_commit import PROBE_FIRST_S
from storage.errors import ReadOnlyError
from tests.storage.engine.faults import Stage, turns
from tests.storage.engine.staging import staged
from tests.storage.recorder import Recorder


@staged
async def test_failed_commit_fails_everything_judged_on_top_of_it(stage: Stage) -> None:
    recorder = Recorder(after=1)
    stage.store.watch(b"/", recorder, after=1)
    answers = [
        stage.store.create(b"/a", b"one"),
        stage.store.update(b"/a", b"two", expected=2),
        stage.store.create(b"/a", b"three"),
        stage.store.create(b"/b", b"one"),
    ]

    await stage.committer.fail()

    errors = [answer.exception() for answer in answers]
    assert [type(error) for error in errors] == [ReadOnlyError] * 4
    assert "disk on fire" in str(errors[0])
    assert stage.store.current_revision() == 1
    assert recorder.batches == []
    assert await stage.store.get(b"/a") is None


@staged
async def test_store_is_read_only_with_an_alarm_after_a_failed_commit(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    await stage.committer.finish()
    stage.store.create(b"/b", b"one").add_done_callback(asyncio.Future.exception)
    await stage.committer.fail()

    refused = [
        stage.store.create(b"/c", b"one"),
        stage.store.update(b"/a", b"two", expected=2),
        stage.store.delete(b"/a"),
    ]

    assert [type(answer.exception()) for answer in refused] == [ReadOnlyError] * 3
    assert await stage.store.get(b"/a") is not None
    assert (await stage.store.status()).alarm == "disk on fire"


@staged
async def test_compaction_is_tried_during_an_alarm_for_it_makes_room(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    await stage.committer.finish()
    lost = stage.store.create(b"/b", b"one")
    await stage.committer.fail("no space")
    assert isinstance(lost.exception(), ReadOnlyError)

    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(_refused_compaction(stage))
        await turns()
        await stage.committer.fail("still none")
        assert first.done()
        second = tasks.create_task(stage.store.compact(2))
        await turns()
        await asyncio.sleep(PROBE_FIRST_S)  # a probe that comes meanwhile waits
        await stage.committer.finish_all()

    assert second.done()
    status = await stage.store.status()
    assert (status.compact_revision, status.alarm) == (2, "still none")
    await asyncio.sleep(2 * PROBE_FIRST_S)
    await stage.committer.finish()
    assert (await stage.store.status()).alarm == ""


@staged
async def test_probe_ends_the_alarm_and_revisions_are_used_again(stage: Stage) -> None:
    recorder = Recorder(after=1)
    stage.store.watch(b"/", recorder, after=1)
    stage.store.create(b"/a", b"lost").add_done_callback(asyncio.Future.exception)
    await stage.committer.fail()

    await asyncio.sleep(PROBE_FIRST_S)
    await stage.committer.finish()

    assert (await stage.store.status()).alarm == ""
    answer = stage.store.create(b"/a", b"one")
    await stage.committer.finish()
    assert answer.result() == 2
    assert [(change.revision, change.value) for change in recorder.changes] == [(2, b"one")]


@staged
async def test_probe_is_repeated_with_doubling_pauses(stage: Stage) -> None:
    stage.store.create(b"/a", b"lost").add_done_callback(asyncio.Future.exception)
    await stage.committer.fail("first")

    for number, pause_s in enumerate([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]):
        await asyncio.sleep(pause_s - 0.001)
        assert not stage.committer.jobs
        await asyncio.sleep(0.002)
        await stage.committer.fail(f"probe {number}")

    assert (await stage.store.status()).alarm == "probe 7"


@staged
async def test_failed_compaction_turns_the_store_read_only(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    await stage.committer.finish()

    async with asyncio.TaskGroup() as tasks:
        compacting = tasks.create_task(_refused_compaction(stage))
        await turns()
        await stage.committer.fail()

    assert compacting.result() == "disk on fire"
    assert (await stage.store.status()).compact_revision == 1


async def _refused_compaction(stage: Stage) -> str:
    with pytest.raises(ReadOnlyError) as caught:
        await stage.store.compact(2)
    return caught.value.alarm


@staged
async def test_second_alarm_is_probed_as_soon_as_the_first(stage: Stage) -> None:
    for number in range(3):
        lost = stage.store.create(b"/%d" % number, b"lost")
        await stage.committer.fail()
        assert isinstance(lost.exception(), ReadOnlyError)

        await asyncio.sleep(PROBE_FIRST_S + 0.001)
        await stage.committer.finish()

        assert (await stage.store.status()).alarm == ""


@staged
async def test_lease_that_ends_during_an_alarm_is_ended_after_it(stage: Stage) -> None:
    stage.store.create(b"/a", b"one", ttl_s=10)
    await stage.committer.finish()
    lost = stage.store.create(b"/b", b"lost")
    await stage.committer.fail()
    assert isinstance(lost.exception(), ReadOnlyError)

    await asyncio.sleep(11)
    assert await stage.store.get(b"/a") is not None
    await stage.committer.finish()
    await asyncio.sleep(1)
    await stage.committer.finish()

    assert await stage.store.get(b"/a") is None
