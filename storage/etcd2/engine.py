"""The engine: requests in their order, durable in groups, carried out on the machine.

How it works. A request takes its place in the open group at the call and is not looked at. When its
group is durable, one step of the loop carries out its requests one after the other, which tells the
watches; then the followers are told of the group, then the callers get their answers. What a group
came to is therefore a function of the log alone, and the log can be carried out again at opening.

What has expired is ended by a request of the log, too: a ``SYNC``, ordered at a tick of every half
second at which something is due, as etcd's leader does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, Self, TypeVar

from storage.clock import Clock
from storage.engine.committer import Committer
from storage.engine.group_commit import Durable, GroupCommit, failed
from storage.errors import ReadOnlyError, StoreClosedError, StoreError
from storage.etcd2.errors import Etcd2Error
from storage.etcd2.expiry_timer import ExpiryTimer, wall_ns
from storage.etcd2.interface import Follower, Listener, Watching
from storage.etcd2.journal.snapshotting import (
    SNAPSHOT_EACH,
    SnapshotCounters,
    Snapshots,
    Snapshotting,
)
from storage.etcd2.machine import Machine
from storage.etcd2.model import Event, Method, Node, Request
from storage.etcd2.pending import Group, PendingRequests
from storage.etcd2.tree import Tree
from storage.records import StoreStatus

T = TypeVar("T")

CLOSED: Final = "the store is closed"

SYNC_NODES: Final = 1000
"""How many nodes one SYNC ends, if their times allow it: it holds the loop for some 6 ms, and the
history has room for all of its events."""

_NOT_YET: Final = Event("get", Node("/", None, dir=True, created=0, modified=0), None, 0)
"""Stands where the answer will: it is known when the request has been applied."""


class Journal(Durable[Group], Protocol):
    """Where the log is kept, and what stood in it."""

    def open(self, now_ns: int) -> Machine:
        """Open what is there, or make it; return the state that it leads to.

        Raises StoreOpenError.
        """
        ...

    def encode(self, request: Request) -> bytes:
        """Return a request as it stands in the log. Raises Etcd2Error if it cannot stand there."""
        ...

    def close(self) -> None:
        """Let everything go. Idempotent."""
        ...

    def applied(self) -> None:
        """The last group is known to be durable."""
        ...

    def disk_bytes(self) -> int:
        """Return the space taken on disk; 0 for none."""
        ...


class Judge(Protocol):
    """Who judges requests at the call, on top of the engine, and must know what becomes of them."""

    def syncing(self, done: asyncio.Future[Event]) -> None:
        """A ``SYNC`` was ordered: until it is ``done``, it is not known what follows it."""
        ...

    def dropped(self) -> None:
        """All that was pending has been dropped: none of it happens."""
        ...


@dataclass(frozen=True, slots=True)
class EngineParts:
    """What an engine is made of."""

    journal: Journal
    committer: Committer
    clock: Clock
    snapshots: Snapshots | None = None
    """The journal again, if it is one that snapshots cut short."""
    background: Committer | None = None
    """Where snapshots are written."""
    snapshot_each: int = SNAPSHOT_EACH


class Etcd2Engine:
    """A ``KeysApi`` over a journal."""

    def __init__(self, parts: EngineParts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._open = False
        self._pending = PendingRequests(parts.journal.encode, self._dropped)
        self._judge: Judge | None = None
        self._snapshotting: Snapshotting | None = None
        self._followers: dict[int, Follower] = {}
        self._followed = 0

    async def __aenter__(self) -> Self:
        self._loop = loop = asyncio.get_running_loop()
        self._machine = self._parts.journal.open(wall_ns(self._clock))
        self._commits = GroupCommit(
            loop,
            self._parts.committer,
            self._parts.journal,
            self._pending,
            on_applied=self._apply,
        )
        self._timer = ExpiryTimer(loop, self._clock, self._order_sync)
        self._parts.committer.start(loop)
        self._snapshotting = self._start_snapshots()
        self._open = True
        self._timer.note(self._machine.next_expiry_ns())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if not self._open:
            return
        self._open = False
        self._timer.close()
        await self._commits.drain()
        self._timer.close()
        self._commits.close()
        self._parts.committer.close()
        if self._parts.background is not None:
            self._parts.background.close()
        self._machine.close()
        self._parts.journal.close()

    @property
    def index(self) -> int:
        return self._machine.index

    @property
    def oldest_index(self) -> int:
        return self._machine.oldest_index

    def do(self, request: Request) -> asyncio.Future[Event]:
        if not self._open or self._commits.alarm:
            return self._refused()
        return self._order(request)

    def judged_by(self, judge: Judge) -> None:
        """Tell ``judge`` from now on; it alone orders requests."""
        self._judge = judge

    @property
    def tree(self) -> Tree:
        """What is applied; to be read, not to be changed."""
        return self._machine.tree

    @property
    def alarm(self) -> str:
        """Why requests are refused; empty when they are not."""
        return self._commits.alarm

    def place(self, request: Request) -> Group:
        """Order a request whose outcome is known; ``answer`` tells it. Raises Etcd2Error."""
        return self._pending.join(request, known=True)

    def answer(self, outcome: T | StoreError, group: Group | None) -> asyncio.Future[T]:
        """Return what answers ``outcome`` once ``group`` is durable and applied; None: at once."""
        return self._commits.answer((outcome, group))

    def get(self, path: str, *, recursive: bool = False, sort: bool = False) -> Event:
        self._check_open()
        return self._machine.get(path, wall_ns(self._clock), recursive=recursive, sort=sort)

    def watch(
        self,
        path: str,
        listener: Listener,
        *,
        recursive: bool = False,
        stream: bool = False,
        since: int = 0,
    ) -> Watching:
        self._check_open()
        return self._machine.watch(path, listener, recursive=recursive, stream=stream, since=since)

    def history(self, since: int) -> Sequence[Event]:
        return self._machine.history(since)

    def follow(self, follower: Follower) -> Callable[[], None]:
        self._followed = number = self._followed + 1
        self._followers[number] = follower

        def end() -> None:
            self._followers.pop(number, None)

        return end

    def status(self) -> StoreStatus:
        self._check_open()
        machine = self._machine
        return StoreStatus(
            revision=machine.index,
            compact_revision=machine.oldest_index,
            keys=machine.leaves,
            logical_bytes=machine.logical_bytes,
            disk_bytes=self._parts.journal.disk_bytes(),
            alarm=self._commits.alarm,
            commits=self._commits.commits,
            writes=self._commits.writes,
        )

    def statistics(self) -> Mapping[str, int]:
        """Return what was counted: ``/v2/stats/store``."""
        return self._machine.statistics()

    @property
    def log_term(self) -> int:
        """The term of the log's entries that are written now; 0: it keeps no log."""
        snapshots = self._parts.snapshots
        return 0 if snapshots is None else snapshots.position().term

    def log_index(self) -> int:
        """Return the index of the log's last durable entry, at least; of no log the store's."""
        snapshots = self._parts.snapshots
        return self._machine.index if snapshots is None else snapshots.position().entry

    def snapshot_counters(self) -> SnapshotCounters:
        """Return what snapshots have cost since it was opened."""
        counted = self._snapshotting
        return SnapshotCounters() if counted is None else counted.counters

    def _order(self, request: Request) -> asyncio.Future[Event]:
        try:
            group = self._pending.join(request)
        except Etcd2Error as error:
            return failed(self._loop, error)
        return self._commits.answer((_NOT_YET, group))

    def _apply(self, group: Group) -> None:
        """Carry out a group that is durable; tell followers; note what each request answers."""
        self._parts.journal.applied()
        apply, acks, now_ns = self._machine.apply, group.acks, wall_ns(self._clock)
        changed: list[Event] = []
        for request, asked in zip(group.changes, group.asked, strict=True):
            outcome: Event | Etcd2Error
            if request.method == Method.SYNC:
                changed += self._machine.expire(request.time_ns)
                continue
            try:
                outcome = apply(request, now_ns)
            except Etcd2Error as error:
                outcome = error
            else:
                if outcome.action != "get":
                    changed.append(outcome)
            if asked >= 0:
                acks[asked] = (acks[asked][0], outcome)
        self._timer.note(self._machine.next_expiry_ns())
        if changed:
            for follower in tuple(self._followers.values()):
                follower(changed)
        if self._snapshotting is not None:
            self._snapshotting.applied(len(group.changes))

    def _start_snapshots(self) -> Snapshotting | None:
        parts = self._parts
        if parts.snapshots is None or parts.background is None:
            return None
        parts.background.start(self._loop)
        return Snapshotting(
            self._machine,
            parts.snapshots,
            parts.background,
            run=self._commits.run,
            clock=self._clock,
            each=parts.snapshot_each,
        )

    def _order_sync(self, now_ns: int) -> None:
        if self._commits.alarm:
            self._timer.done(left=False)  # to be looked at again at the next tick
            return
        upto_ns = self._machine.expiry_reach_ns(now_ns, SYNC_NODES)
        ordered = self._order(Request(Method.SYNC, "", time_ns=upto_ns))
        ordered.add_done_callback(partial(self._synced, left=upto_ns < now_ns))
        if self._judge is not None:
            self._judge.syncing(ordered)

    def _synced(self, done: asyncio.Future[Event], *, left: bool) -> None:
        self._timer.done(left=left and done.exception() is None)

    def _dropped(self) -> None:
        if self._judge is not None:
            self._judge.dropped()

    def _refused(self) -> asyncio.Future[Event]:
        error = ReadOnlyError(self._commits.alarm) if self._open else StoreClosedError(CLOSED)
        return failed(asyncio.get_running_loop(), error)

    def _check_open(self) -> None:
        if not self._open:
            raise StoreClosedError(CLOSED)
