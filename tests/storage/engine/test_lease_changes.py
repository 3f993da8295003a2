"""Grants and ends of leases that wait at the same time: one durable job, one outcome, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path

import pytest

from storage.engine.group_commit import PROBE_FIRST_S
from storage.engine.store import EngineStore, Parts
from storage.errors import LeaseNotFoundError, ReadOnlyError
from storage.etcd3.backend import Etcd3Backend
from storage.memory.backend import MemoryBackend
from storage.registry import MEMORY
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.engine.faults import Stage, SteppedCommitter, turns


class KeptSets(MemoryBackend):
    """Notes which leases each job made durable."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[list[int]] = []

    def keep_leases(self, leases: Sequence[tuple[int, int]]) -> None:
        self.kept.append([lease_id for lease_id, _ in leases])


class LeaseStage(Stage):
    """A stage that tells which leases were made durable, and in which order it was answered."""

    def __init__(self) -> None:
        self.committer = SteppedCommitter()
        self.backend = KeptSets()
        self.store = EngineStore(Parts(self.backend, self.committer, VirtualClock(), MEMORY))
        self.answers: list[str] = []

    def call(self, name: str, answer: Awaitable[object]) -> asyncio.Future[object]:
        """Begin a call; ``name`` joins the answers when it is over, however that was."""
        future = asyncio.ensure_future(answer)
        future.add_done_callback(lambda _: self.answers.append(name))
        return future

    async def grants(self, *lease_ids: int) -> list[asyncio.Future[object]]:
        """Begin grants of 10 s, and let them be judged."""
        leases = self.store.leases
        calls = [self.call(f"+{each}", leases.grant(10, lease_id=each)) for each in lease_ids]
        await turns()
        return calls


async def refused(calls: Sequence[asyncio.Future[object]]) -> int:
    """Return how many of the calls were answered by ReadOnlyError."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    return sum(isinstance(outcome, ReadOnlyError) for outcome in outcomes)


def test_thousand_grants_at_once_take_two_commits() -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            calls = await stage.grants(*range(1, 1001))

            await stage.committer.finish()
            assert [call.done() for call in calls] == [True] + 999 * [False]
            await stage.committer.finish()
            assert [await call for call in calls] == list(range(1, 1001))

            # The first finds the disk idle and goes alone; the rest came while it was busy.
            assert [len(kept) for kept in stage.backend.kept] == [1, 1000]
            assert stage.answers == [f"+{each}" for each in range(1, 1001)]

    run_virtual(story())


def test_grants_that_wait_for_a_group_share_one_commit() -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            put = stage.store.create(b"/a", b"one")
            await stage.grants(1)
            await stage.grants(2, 3)

            await stage.committer.finish()
            assert (await put, stage.answers) == (2, [])
            await stage.committer.finish()

            assert stage.answers == ["+1", "+2", "+3"]
            assert stage.backend.kept == [[1, 2, 3]]

    run_virtual(story())


def test_grants_and_revocations_that_wait_share_one_commit_and_are_answered_in_order() -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            await stage.grants(1, 2)
            await stage.committer.finish_all()
            stage.answers.clear()
            await stage.grants(3)
            await stage.grants(4)
            revoked = stage.call("-1", stage.store.leases.revoke(1))
            await turns()
            await stage.grants(5)

            await stage.committer.finish()
            assert stage.answers == ["+3"]
            await stage.committer.finish()

            assert stage.answers == ["+3", "+4", "-1", "+5"]
            assert await revoked == 0
            assert stage.backend.kept[2:] == [[1, 2, 3], [2, 3, 4, 5]]
            assert await stage.store.leases.lease_ids() == [2, 3, 4, 5]

    run_virtual(story())


def test_put_waits_for_one_commit_of_leases_at_most() -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            await stage.grants(1)
            await stage.grants(2, 3)
            stage.call("put", stage.store.create(b"/a", b"one"))

            await stage.committer.finish()
            await stage.grants(4)
            await stage.committer.finish_all()

            assert stage.answers == ["+1", "put", "+2", "+3", "+4"]
            assert stage.backend.kept == [[1], [1, 2, 3, 4]]

    run_virtual(story())


def test_failed_commit_refuses_all_that_waited_and_leaves_the_set_as_it_was() -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            await stage.grants(1, 2)
            await stage.committer.finish_all()
            stage.answers.clear()
            calls = await stage.grants(3)
            calls += await stage.grants(4, 5)
            calls.append(stage.call("-1", stage.store.leases.revoke(1)))
            await turns()
            await stage.committer.fail()

            assert await refused(calls) == 4
            assert stage.answers == ["+3", "+4", "+5", "-1"]
            assert await stage.store.leases.lease_ids() == [1, 2]
            with pytest.raises(LeaseNotFoundError):
                await stage.store.leases.keep_alive(4)

            await asyncio.sleep(2 * PROBE_FIRST_S)
            await stage.committer.finish()
            again = await stage.grants(4)
            await stage.committer.finish_all()
            assert await again[0] == 4
            assert stage.backend.kept[-1] == [1, 2, 4]
            await asyncio.sleep(1)  # what was to end does so when it can
            await stage.committer.finish_all()
            assert stage.backend.kept[-1] == [2, 4]

    run_virtual(story())


def test_failed_group_refuses_the_changes_of_leases_that_wait_behind_it() -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            put = stage.store.create(b"/a", b"one")
            calls = [*await stage.grants(1, 2), stage.call("put", put)]
            await stage.committer.fail()

            assert await refused(calls) == 3
            assert await stage.store.leases.lease_ids() == []
            retried = await stage.grants(2)  # as any maintenance, it is tried under the alarm
            await stage.committer.finish_all()
            assert await retried[0] == 2
            assert stage.backend.kept == [[2]]
            await asyncio.sleep(2 * PROBE_FIRST_S)
            await stage.committer.finish_all()

    run_virtual(story())


def test_grant_asked_for_where_others_failed_does_not_write_theirs() -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            calls = await stage.grants(1, 2, 3)
            _, done = stage.committer.jobs.popleft()
            done(OSError("disk on fire"), 0)
            calls[0].cancel()
            fourth = stage.store.leases.grant(10, lease_id=4)
            await asyncio.gather(fourth, _finish_soon(stage))

            assert stage.backend.kept == [[4]]
            assert await refused(calls[1:]) == 2
            await asyncio.sleep(2 * PROBE_FIRST_S)
            await stage.committer.finish_all()

    run_virtual(story())


async def _finish_soon(stage: LeaseStage) -> None:
    await turns(1)
    await stage.committer.finish()


def test_cancelled_grant_that_failed_is_no_lease() -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            (call,) = await stage.grants(1)
            call.cancel()
            await stage.committer.fail()

            assert call.cancelled()
            assert await stage.store.leases.lease_ids() == []
            await asyncio.sleep(2 * PROBE_FIRST_S)
            await stage.committer.finish_all()

    run_virtual(story())


@pytest.mark.parametrize("waited", [0, 5], ids=["keys being deleted", "removal waiting"])
def test_revocation_of_a_lease_whose_grant_fails_leaves_nothing(waited: int) -> None:
    async def story() -> None:
        async with LeaseStage() as stage:
            calls = await stage.grants(1)
            # Judged in the turn in which the grant fails, or well before.
            revoked = stage.call("-1", stage.store.leases.revoke(1))
            await turns(1 + waited)
            await stage.committer.fail()
            await stage.committer.finish_all()
            await asyncio.wait([revoked])

            assert await refused(calls) == 1
            assert await stage.store.leases.lease_ids() == []
            await asyncio.sleep(2)
            await stage.committer.finish_all()
            assert await (await _granted(stage, 1))[0] == 1

    run_virtual(story())


async def _granted(stage: LeaseStage, lease_id: int) -> list[asyncio.Future[object]]:
    calls = await stage.grants(lease_id)
    await stage.committer.finish_all()
    return calls


class DiskStage(LeaseStage):
    """A stage on a directory."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        backend = Etcd3Backend(path, sync=False)
        self.store = EngineStore(Parts(backend, self.committer, VirtualClock(), MEMORY))


def test_restart_finds_the_leases_that_were_answered(tmp_path: Path) -> None:
    async def story() -> None:
        async with DiskStage(tmp_path) as stage:
            await stage.grants(5, 3, 4)
            await stage.committer.finish_all()
            ended = stage.call("-3", stage.store.leases.revoke(3))
            calls = await stage.grants(6)
            await stage.committer.finish_all()
            assert (await ended, await calls[0]) == (0, 6)
            lost = await stage.grants(7, 8)
            await stage.committer.fail()
            assert await refused(lost) == 2
        async with DiskStage(tmp_path) as stage:
            assert await stage.store.leases.lease_ids() == [4, 5, 6]

    run_virtual(story())


def test_key_whose_lease_was_lost_before_it_was_durable_ends_at_opening(tmp_path: Path) -> None:
    async def story() -> None:
        async with DiskStage(tmp_path) as stage:
            await stage.grants(1)
            calls = await stage.grants(2, 3)
            put = stage.store.create(b"/a", b"one", lease=2)
            await stage.committer.finish()  # the first grant: the group is next, then the others
            await stage.committer.finish()
            assert await put == 2
            await stage.committer.fail()
            assert await refused(calls) == 2
        async with DiskStage(tmp_path) as stage:
            assert await stage.store.get(b"/a") is not None
            await asyncio.sleep(1)
            await stage.committer.finish_all()
            assert await stage.store.get(b"/a") is None
            assert await stage.store.leases.lease_ids() == [1]

    run_virtual(story())
