"""The face of leases as objects: ``storage.interface.Leases`` over an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from storage.engine.backend import LEASE_ID_MAX, Backend
from storage.engine.committer import Job
from storage.engine.group_commit import GroupCommit
from storage.engine.lease_changes import LeaseChanges
from storage.engine.ledger import Group, Ledger
from storage.engine.lessor import Lessor
from storage.errors import LeaseExistsError, LeaseNotFoundError, ReadOnlyError
from storage.records import LeaseStatus

LEASE_PAGE = 100
"""Leases that end in one turn of the loop."""

PAUSE_MIN_S = 0.05
PAUSE_MAX_S = 60.0
"""Leases are looked at again at least this often."""

RETRY_S = 0.5


class EngineLeases:
    """Grants, renews and ends leases; a lease's keys are deleted as one revision."""

    def __init__(
        self,
        lessor: Lessor,
        backend: Backend,
        commits: GroupCommit[Group],
        ledger: Ledger,
        *,
        delete_all: Callable[[Sequence[bytes]], asyncio.Future[int]],
        now_ms: Callable[[], int],
    ) -> None:
        self._lessor = lessor
        self._backend = backend
        self._changes = LeaseChanges(commits, self._keep)
        self._commits = commits
        self._ledger = ledger
        self._delete_all = delete_all
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._ending: dict[int, None] = {}
        """Whose end is under way: of its keys first, then of itself."""
        self._ended: dict[int, None] = {}
        """Those of them whose keys are gone."""
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._arm()

    def __len__(self) -> int:
        return len(self._lessor)

    async def grant(self, ttl_s: int, *, lease_id: int = 0) -> int:
        if not (ttl_s > 0 and 0 <= lease_id <= LEASE_ID_MAX):
            raise ValueError(f"a lease of {ttl_s} s with id {lease_id}")
        if lease_id in self._ending:
            raise LeaseExistsError(lease_id)
        lease_id = self._lessor.free_id(lease_id)
        self._lessor.grant(lease_id, ttl_s, self._now_ms())
        done: asyncio.Future[int] = self._loop.create_future()
        self._changes.add(partial(self._granted, lease_id, done))
        return await done

    async def keep_alive(self, lease_id: int) -> int:
        self.check(lease_id)
        ttl_s = self._lessor.renew(lease_id, self._now_ms())
        self._arm()
        return ttl_s

    async def revoke(self, lease_id: int) -> int:
        self.check(lease_id)
        return await self._end(lease_id)

    async def time_to_live(self, lease_id: int) -> LeaseStatus:
        self.check(lease_id)
        return self._lessor.status(lease_id, self._now_ms())

    async def lease_ids(self) -> list[int]:
        ids = (lease_id for lease_id, _ in self._lessor.table())
        return sorted(lease_id for lease_id in ids if lease_id not in self._ending)

    def check(self, lease_id: int) -> None:
        """Raise LeaseNotFoundError where no key can be attached to such a lease."""
        if lease_id not in self._lessor or lease_id in self._ending:
            raise LeaseNotFoundError(lease_id)

    def noted(self, key: bytes, lease_id: int) -> None:
        """A durable write of a key that had, or has, a lease; 0: it has none now."""
        if lease_id:
            self._lessor.attach(lease_id, key)
        else:
            self._lessor.detach(key)

    def close(self) -> None:
        """End nothing any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _keep(self) -> Job:
        """Return the job that makes durable which leases there are at this moment."""
        leases = self._lessor.table()
        if self._ended:
            leases = tuple(each for each in leases if each[0] not in self._ended)
        return partial(self._backend.keep_leases, leases)

    def _granted(
        self, lease_id: int, done: asyncio.Future[int], error: ReadOnlyError | None
    ) -> None:
        if error is None:
            self._arm()
        else:
            self._lessor.forget(lease_id)
        _settle(done, error or lease_id)

    def _end(self, lease_id: int) -> asyncio.Future[int]:
        """Delete its keys as one revision, which is the answer, then forget it."""
        self._ending[lease_id] = None
        done: asyncio.Future[int] = self._loop.create_future()
        gone = self._delete_all(self._attached(lease_id))
        gone.add_done_callback(partial(self._deleted, lease_id, done))
        return done

    def _attached(self, lease_id: int) -> list[bytes]:
        """Return its keys as the pending state has them."""
        keys = dict.fromkeys(self._lessor.keys(lease_id))
        for key, lease in self._ledger.pending_leases():
            if lease == lease_id:
                keys[key] = None
            else:
                keys.pop(key, None)
        return sorted(keys)

    def _deleted(
        self,
        lease_id: int,
        done: asyncio.Future[int],
        gone: asyncio.Future[int],
    ) -> None:
        error = gone.exception()
        if error is not None:
            self._go_on(lease_id)
            _settle(done, error)
            return
        # A lease whose removal is lost is there again, without its keys, and ends again.
        self._ended[lease_id] = None
        self._changes.add(partial(self._removed, lease_id, done, gone.result()))

    def _removed(
        self,
        lease_id: int,
        done: asyncio.Future[int],
        revision: int,
        error: ReadOnlyError | None,
    ) -> None:
        del self._ended[lease_id]
        if error is None:
            del self._ending[lease_id]
            if lease_id in self._lessor:  # its grant may have failed
                self._lessor.forget(lease_id)
        else:
            self._go_on(lease_id)
        _settle(done, revision if error is None else error)

    def _go_on(self, lease_id: int) -> None:
        """It could not be ended: it is there as before, and ends later."""
        del self._ending[lease_id]
        if lease_id in self._lessor:  # as above
            self._lessor.again(lease_id, self._now_ms() + int(1000 * RETRY_S))
            self._arm()

    def _arm(self) -> None:
        due_ms = self._lessor.next_ms()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_ms is not None and not self._closed:
            pause_s = max(PAUSE_MIN_S, (due_ms - self._now_ms()) / 1000)
            self._timer = self._loop.call_later(min(PAUSE_MAX_S, pause_s), self._reap)

    def _reap(self) -> None:
        self._timer = None
        if self._commits.alarm:
            self._timer = self._loop.call_later(RETRY_S, self._reap)
            return
        for lease_id in self._lessor.due(self._now_ms(), LEASE_PAGE):
            if lease_id in self._lessor and lease_id not in self._ending:
                self._end(lease_id)
        self._arm()


def _settle(done: asyncio.Future[int], outcome: int | BaseException) -> None:
    if done.done():
        return
    if isinstance(outcome, int):
        done.set_result(outcome)
    else:
        done.set_exception(outcome)
        done.exception()  # nobody waits where a lease ended by itself
