"""Group commit: what is durable together, who is told when, and what happens when a commit fails.

How it works. At most one committer job is under way. A write that finds the committer idle is
handed over at once; those that come meanwhile gather in the ledger's open group and follow when it
is back (a little later where commits are slow, see ``gathering``). When a group is durable, one
step of the loop applies it to the index, delivers it (``on_applied``: watchers, watch cache), then
answers the callers. Maintenance jobs (compaction) take turns with groups.

When a job fails, everything pending was judged on top of what failed: every caller gets
ReadOnlyError, the ledger drops its pending state, and writes are refused with the alarm until a
probe (a durable write as large as what failed, within bounds; retried with doubling pauses)
succeeds. Maintenance is tried all the same: where the disk is full, it is what makes room.

What a group is, and where it becomes durable, is the engine's: a ``Pending`` and a ``Durable``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sized
from functools import partial
from typing import Generic, Protocol, TypeVar

from storage.engine.committer import Committer, Done, Job
from storage.engine.gathering import Gathering
from storage.errors import ReadOnlyError, StoreError

T = TypeVar("T")

Told = Callable[[ReadOnlyError | None], None]
"""Learns, within the step of the loop in which it is known, how a maintenance job went."""

PROBE_FIRST_S = 0.1
PROBE_MAX_S = 5.0


class Gathered(Protocol):
    """Writes that become durable together."""

    @property
    def changes(self) -> Sized:
        """What it writes."""
        ...

    acks: list[tuple[asyncio.Future[object], object]]
    """The answers that wait for it, each with its outcome: what it answers, or an exception."""


G = TypeVar("G", bound=Gathered)
G_contra = TypeVar("G_contra", bound=Gathered, contravariant=True)


class Pending(Protocol[G]):
    """What waits to be durable: an open group, and at most one in flight."""

    open: G

    def seal(self) -> G:
        """Turn the open group into the one in flight, and return it."""
        ...

    def finish(self) -> G:
        """Return the group in flight, which is durable now, and is in flight no longer."""
        ...

    def drop(self) -> list[G]:
        """Forget all that is pending, and return it."""
        ...


class Durable(Protocol[G_contra]):
    """Where groups become durable. Its methods run on the loop, the jobs on the committer."""

    def commit(self, group: G_contra) -> Job:
        """Return the job that makes a group durable, all or none."""
        ...

    def probe(self) -> Job:
        """Return the job that finds out, after a failure, whether writes succeed again."""
        ...

    def recover(self, error: Exception) -> bool:
        """Put right what can be after a job failed with ``error``; True: try that job again."""
        ...


class GroupCommit(Generic[G]):
    """Drives pending groups through a committer. All its methods run on the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        committer: Committer,
        durable: Durable[G],
        pending: Pending[G],
        *,
        on_applied: Callable[[G], None],
    ) -> None:
        self.alarm = ""
        """Why writes are refused; empty when they are not."""
        self.commits = 0
        self.writes = 0
        self._loop = loop
        self._committer = committer
        self._durable = durable
        self._pending = pending
        self._on_applied = on_applied
        self._gathering = Gathering()
        self._busy = False
        self._company = False
        """Whether the last group held more than one write."""
        self._gatherer: asyncio.Handle | None = None
        self._probe_timer: asyncio.TimerHandle | None = None
        self._probe_pause_s = PROBE_FIRST_S
        self._maintenance: deque[tuple[Callable[[], Job], Told]] = deque()
        self._idle: asyncio.Future[None] | None = None
        self._closed = False

    def answer(self, verdict: tuple[T | StoreError, Gathered | None]) -> asyncio.Future[T]:
        """Return the future of a judged write, and see to it that its group gets committed.

        ``verdict`` is its outcome, and which group must be durable before it is told.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        outcome, group = verdict
        if group is None:
            if isinstance(outcome, StoreError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
            return future
        group.acks.append((future, outcome))  # type: ignore[arg-type]  # it gets its own outcome
        if not self._busy and self._gatherer is None:
            self._gather()
        return future

    def run(self, job: Job) -> asyncio.Future[None]:
        """Run a maintenance job on the committer, in its turn."""
        future: asyncio.Future[None] = self._loop.create_future()
        self.run_prepared(lambda: job, partial(_settle, future))
        return future

    def run_prepared(self, prepare: Callable[[], Job], told: Told) -> None:
        """Run, in its turn, the job that ``prepare`` makes on the loop when that has come."""
        self._maintenance.append((prepare, told))
        # Not before a group that is about to be handed over: a chain of jobs, each asked for when
        # the last is done, would let none in.
        if not self._busy and self._gatherer is None:
            self._hand_over_maintenance()

    async def drain(self) -> None:
        """Wait until nothing is queued or under way."""
        while self._busy or self._gatherer is not None or self._maintenance:
            self._idle = self._loop.create_future()
            await self._idle

    def close(self) -> None:
        """Stop the timers; what comes back from the committer is ignored from now on."""
        self._closed = True
        timers: tuple[asyncio.Handle | None, ...] = (self._gatherer, self._probe_timer)
        for timer in timers:
            if timer is not None:
                timer.cancel()
        self._gatherer = self._probe_timer = None

    def _gather(self) -> None:
        """Hand the open group over: at once, at the end of this turn, or after a pause.

        At once while writes come singly. Where the last group had company, the callers that are
        being answered in this turn get to join; else they fall into cohorts that wait for each
        other's commits: 15k/41k puts/s at 16/64 callers, against 22k/67k. Slow commits: a pause.
        """
        delay_s = self._gathering.delay_s
        if delay_s:
            self._gatherer = self._loop.call_later(delay_s, self._gathered)
        elif self._company or len(self._pending.open.changes) > 1:
            self._gatherer = self._loop.call_soon(self._gathered)
        else:
            self._hand_over()

    def _gathered(self) -> None:
        self._gatherer = None
        if not self._busy and self._pending.open.changes:
            self._hand_over()
        else:
            self._next(maintained=False)

    def _hand_over(self) -> None:
        self._submit(self._durable.commit(self._pending.seal()), self._group_done)

    def _hand_over_maintenance(self) -> None:
        prepare, told = self._maintenance.popleft()
        self._submit(prepare(), partial(self._maintenance_done, prepare, told))

    def _submit(self, job: Job, done: Callable[[Exception | None, int], None]) -> None:
        self._busy = True
        self._committer.submit(job, partial(self._back, job, done))

    def _back(self, job: Job, done: Done, error: Exception | None, duration_ns: int) -> None:
        if self._closed:
            return
        if error is not None and self._durable.recover(error):
            self._committer.submit(job, partial(self._back, job, done))
            return
        self._busy = False
        done(error, duration_ns)

    def _group_done(self, error: Exception | None, duration_ns: int) -> None:
        if error is not None:
            self._fail(error)
            return
        self._gathering.observe(duration_ns)
        group = self._pending.finish()
        self.commits += 1
        self.writes += len(group.changes)
        self._company = len(group.changes) > 1
        try:
            self._on_applied(group)
        finally:  # a watcher that raises breaks its contract, but not the callers
            for future, outcome in group.acks:
                if future.done():
                    continue
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
            self._next(maintained=False)

    def _maintenance_done(
        self, prepare: Callable[[], Job], told: Told, error: Exception | None, _duration_ns: int
    ) -> None:
        if error is not None:
            self._maintenance.appendleft((prepare, told))  # refused with those behind it, first
            self._fail(error)
            return
        told(None)
        self._next(maintained=True)

    def _next(self, *, maintained: bool) -> None:
        """Start what comes next; maintenance and groups take turns."""
        if self._busy or self._gatherer is not None:
            return
        if self._maintenance and not (maintained and self._pending.open.changes):
            self._hand_over_maintenance()
        elif self._pending.open.changes:
            self._gather()
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.alarm:
            self._probe_pause_s = PROBE_FIRST_S
        self.alarm = str(error) or type(error).__name__
        if self._gatherer is not None:
            self._gatherer.cancel()
            self._gatherer = None
        for group in self._pending.drop():
            for future, _ in group.acks:
                if not future.done():
                    future.set_exception(ReadOnlyError(self.alarm))
        while self._maintenance:
            self._maintenance.popleft()[1](ReadOnlyError(self.alarm))
        if self._probe_timer is None:
            self._arm_probe()
        self._next(maintained=False)

    def _arm_probe(self) -> None:
        self._probe_timer = self._loop.call_later(self._probe_pause_s, self._probe)
        self._probe_pause_s = min(PROBE_MAX_S, 2 * self._probe_pause_s)

    def _probe(self) -> None:
        self._probe_timer = None
        if self._busy:  # with maintenance
            self._arm_probe()
            return
        self._submit(self._durable.probe(), self._probed)

    def _probed(self, error: Exception | None, _duration_ns: int) -> None:
        if error is not None:
            self.alarm = str(error) or type(error).__name__
            self._arm_probe()
        else:
            self.alarm = ""
        self._next(maintained=False)


def _settle(future: asyncio.Future[None], error: ReadOnlyError | None) -> None:
    if error is not None and not future.done():
        future.set_exception(error)
    elif not future.done():
        future.set_result(None)


def failed(loop: asyncio.AbstractEventLoop, error: Exception) -> asyncio.Future[T]:
    """Return a future that fails with ``error`` when it is awaited."""
    future: asyncio.Future[T] = loop.create_future()
    future.set_exception(error)
    return future
