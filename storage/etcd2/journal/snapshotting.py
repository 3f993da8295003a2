"""When snapshots are taken: after every 10,000 requests that were carried out, as etcd 2 did.

How it works. On the loop only the state is taken down, as records that are shared with the machine
and never changed: a few milliseconds. Then the log notes the snapshot, in its turn with the groups;
a second committer writes the file beside them; and when that is durable, the log lets go of
segments that nobody needs any more. If any of it fails, the log is kept and the next one is due
after as many requests again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from storage.clock import Clock
from storage.engine.committer import Committer, Job
from storage.etcd2.journal.snapshot_files import SnapshotAt
from storage.etcd2.machine import Machine
from storage.etcd2.snapshot import MachineState

SNAPSHOT_EACH: Final = 10_000
"""etcd 2's own default for --snapshot-count."""


class Snapshots(Protocol):
    """A journal that can be cut short. Its methods run on the loop, the jobs on committers."""

    def position(self) -> SnapshotAt:
        """Return up to where the log has been carried out."""
        ...

    def note_snapshot(self, at: SnapshotAt) -> Job:
        """Return the job that notes in the log that a snapshot is being taken."""
        ...

    def keep_snapshot(self, at: SnapshotAt, state: MachineState) -> Job:
        """Return the job that makes a snapshot durable; it may run beside the log's own."""
        ...

    def release(self, at: SnapshotAt) -> Job:
        """Return the job that removes what nobody needs beside a durable snapshot."""
        ...

    @property
    def snapshot_bytes(self) -> int:
        """The size of the newest snapshot."""
        ...


@dataclass(slots=True)
class SnapshotCounters:
    """What snapshots have cost since the store was opened."""

    taken: int = 0
    failed: int = 0
    failure: str = ""
    """Why the last of these did."""
    pause_ns: int = 0
    """How long the last one held the loop."""
    pause_ns_max: int = 0
    write_ns: int = 0
    """How long the last one was being written, beside the loop."""
    size_bytes: int = 0
    """The file of the last one."""


class Snapshotting:
    """Takes snapshots of a machine. All its methods run on the loop."""

    def __init__(
        self,
        machine: Machine,
        snapshots: Snapshots,
        background: Committer,
        *,
        run: Callable[[Job], asyncio.Future[None]],
        clock: Clock,
        each: int = SNAPSHOT_EACH,
    ) -> None:
        """``run`` lets the log's committer do a job in its turn."""
        self.counters = SnapshotCounters()
        self._machine = machine
        self._snapshots = snapshots
        self._background = background
        self._run = run
        self._clock = clock
        self._each = each
        self._count = 0
        self._busy = False

    def applied(self, count: int) -> None:
        """Note that so many more requests have been carried out; begin a snapshot if one is due."""
        self._count += count
        if self._count < self._each or self._busy:
            return
        self._busy = True
        self._count = 0
        start_ns = self._clock.stamp_ns()
        state, at = self._machine.dump(), self._snapshots.position()
        pause_ns = self._clock.stamp_ns() - start_ns
        self.counters.pause_ns = pause_ns
        self.counters.pause_ns_max = max(pause_ns, self.counters.pause_ns_max)
        self._run(self._snapshots.note_snapshot(at)).add_done_callback(
            partial(self._noted, at, state)
        )

    def _noted(self, at: SnapshotAt, state: MachineState, done: asyncio.Future[None]) -> None:
        error = done.exception()
        if error is not None:
            self._failed(error)
            return
        self._background.submit(self._snapshots.keep_snapshot(at, state), partial(self._kept, at))

    def _kept(self, at: SnapshotAt, error: Exception | None, duration_ns: int) -> None:
        if error is not None:
            self._failed(error)
            return
        self.counters.taken += 1
        self.counters.write_ns = duration_ns
        self.counters.size_bytes = self._snapshots.snapshot_bytes
        self._run(self._snapshots.release(at)).add_done_callback(self._released)

    def _released(self, done: asyncio.Future[None]) -> None:
        self._busy = False
        done.exception()  # the store has turned read-only; the next one releases these, too

    def _failed(self, error: BaseException) -> None:
        self._busy = False
        self.counters.failed += 1
        self.counters.failure = str(error) or type(error).__name__
