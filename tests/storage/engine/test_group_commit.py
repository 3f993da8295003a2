"""Group commit: what is told when, and what a failed commit takes with it."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from storage.errors import ConflictError, KeyExistsError, KeyNotFoundError
from storage.records import Batch
from tests.storage.engine.faults import Stage, turns
from tests.storage.engine.staging import staged
from tests.storage.recorder import Recorder


@staged
async def test_first_write_is_handed_over_at_once(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")

    assert len(stage.committer.jobs) == 1


@staged
async def test_writes_gather_while_a_group_is_in_flight(stage: Stage) -> None:
    answers = [stage.store.create(b"/%d" % number, b"v") for number in range(10)]
    await stage.committer.finish()
    await stage.committer.finish()

    assert await asyncio.gather(*answers) == list(range(2, 12))
    status = await stage.store.status()
    assert (status.commits, status.writes) == (2, 10)


@staged
async def test_callers_that_are_answered_together_write_together(stage: Stage) -> None:
    async def write(number: int) -> None:
        for step in range(3):
            await stage.store.create(b"/%d/%d" % (number, step), b"v")

    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(write(number))
        await turns()
        await stage.committer.finish_all()

    status = await stage.store.status()
    assert (status.commits, status.writes) == (4, 24)  # 1, then 7 with 1 more, then 8, then 8


@staged
async def test_nothing_is_told_or_read_before_the_commit(stage: Stage) -> None:
    recorder = Recorder(after=1)
    stage.store.watch(b"/", recorder, after=1)
    answer = stage.store.create(b"/a", b"one")
    await turns()

    assert not answer.done()
    assert recorder.batches == []
    assert await stage.store.get(b"/a") is None
    assert await stage.store.count(b"/") == 0
    assert (await stage.store.list(b"/")).revision == 1

    await stage.committer.finish()
    assert answer.result() == 2
    assert recorder.revisions == [2]


@staged
async def test_index_then_watchers_then_callers(stage: Stage) -> None:
    order: list[str] = []

    class Ordered(Recorder):
        def deliver(self, batch: Batch) -> None:
            assert stage.store.current_revision() == batch.revision
            order.append("watcher")

    stage.store.watch(b"/", Ordered(), after=1)
    answer = stage.store.create(b"/a", b"one")
    answer.add_done_callback(lambda _: order.append("caller"))
    await stage.committer.finish()

    assert order == ["watcher", "caller"]


@staged
async def test_conflict_with_a_pending_write_waits_for_its_group(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    in_flight = stage.store.update(b"/a", b"two", expected=9)
    stage.store.create(b"/b", b"one")
    gathering = stage.store.create(b"/b", b"two")
    await turns()
    assert not in_flight.done()

    await stage.committer.finish()

    assert isinstance(in_flight.exception(), ConflictError)
    assert not gathering.done()
    await stage.committer.finish()
    assert isinstance(gathering.exception(), KeyExistsError)


@staged
async def test_not_found_after_a_pending_delete_waits_for_its_group(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    stage.store.delete(b"/a")
    missing = stage.store.update(b"/a", b"two", expected=2)
    await stage.committer.finish()
    assert not missing.done()

    await stage.committer.finish()

    assert isinstance(missing.exception(), KeyNotFoundError)


@staged
async def test_unchanged_update_of_a_pending_write_waits_for_its_group(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    unchanged = stage.store.update(b"/a", b"one", expected=2)
    await turns()
    assert not unchanged.done()

    await stage.committer.finish()

    assert unchanged.result() == 2
    assert not stage.committer.jobs


@staged
async def test_answer_that_met_only_applied_state_comes_at_once(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    await stage.committer.finish()
    stage.store.create(b"/pending", b"one")

    answers = [
        stage.store.create(b"/a", b"two"),
        stage.store.delete(b"/a", expected=7),
        stage.store.delete(b"/none"),
    ]

    kinds = [KeyExistsError, ConflictError, KeyNotFoundError]
    assert [type(answer.exception()) for answer in answers] == kinds
    assert stage.store.update(b"/a", b"one", expected=2).result() == 2


@staged
async def test_fast_commits_do_not_gather(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    await stage.committer.finish(took_ns=400_000)

    stage.store.create(b"/b", b"one")

    assert len(stage.committer.jobs) == 1


@staged
async def test_slow_commits_gather_for_a_share_of_their_time(stage: Stage) -> None:
    stage.store.create(b"/a", b"one")
    await stage.committer.finish(took_ns=10_000_000)

    stage.store.create(b"/b", b"one")
    assert not stage.committer.jobs
    await asyncio.sleep(0.0015)
    stage.store.create(b"/c", b"one")
    assert not stage.committer.jobs

    await asyncio.sleep(0.001)
    await stage.committer.finish()
    status = await stage.store.status()
    assert (status.commits, status.writes) == (2, 3)


@staged
async def test_compaction_goes_on_beside_writes_that_never_pause(stage: Stage) -> None:
    stage.store.create(b"/first", b"v")
    await stage.committer.finish()
    compacting = asyncio.ensure_future(stage.store.compact(2))
    stage.store.create(b"/0", b"v")
    await turns()

    for number in range(1, 6):
        stage.store.create(b"/%d" % number, b"v")
        await stage.committer.finish()

    assert compacting.done()
    assert (await stage.store.status()).compact_revision == 2


@staged
async def test_maintenance_and_groups_take_turns(stage: Stage) -> None:
    order: list[str] = []
    stage.store.create(b"/a", b"one").add_done_callback(lambda _: order.append("a"))
    for name in ("first", "second"):
        stage.store._commits.run(partial(order.append, name))
    stage.store.create(b"/b", b"one").add_done_callback(lambda _: order.append("b"))

    await stage.committer.finish_all()

    assert order == ["a", "first", "b", "second"]


@staged
async def test_chain_of_maintenance_lets_groups_in_between(stage: Stage) -> None:
    """Each job of a compaction is asked for when the one before is done, as its Compactor does."""
    order: list[str] = []
    left = 5

    def go_on(_done: object = None) -> None:
        nonlocal left
        if left:
            left -= 1
            stage.store._commits.run(partial(order.append, "job")).add_done_callback(go_on)

    def tell(name: str, _done: object) -> None:
        order.append(name)

    for key in (b"/a", b"/b"):  # two: the next group is handed over a turn later
        stage.store.create(key, b"one")
    go_on()
    await stage.committer.finish()
    for name in ("c", "d"):
        stage.store.create(b"/" + name.encode(), b"one").add_done_callback(partial(tell, name))
    await stage.committer.finish_all()

    assert order.count("job") == 5
    assert order.index("d") <= 3, order


@staged
async def test_watcher_that_raises_does_not_keep_callers_waiting(stage: Stage) -> None:
    class Raising(Recorder):
        def deliver(self, batch: Batch) -> None:
            raise ValueError(f"cannot take {batch.revision}")

    stage.store.watch(b"/", Raising(), after=1)
    answer = stage.store.create(b"/a", b"one")

    with pytest.raises(ValueError, match="cannot take 2"):
        await stage.committer.finish()

    assert answer.result() == 2
