"""The journal in a data directory: opened, replayed, appended to, and cut short by snapshots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from serialization.api.etcd import log_pb2 as pb
from storage.engine.committer import Job
from storage.engine.staging import Staging
from storage.errors import StoreError, StoreOpenError
from storage.etcd2.data_dir import Etcd2Dir, of_one_member
from storage.etcd2.errors import Etcd2Error
from storage.etcd2.journal.entries import (
    EntryKind,
    ForeignEntryError,
    decode_request,
    encode_request,
    member_requests,
)
from storage.etcd2.journal.log import SEGMENT_BYTES, Log
from storage.etcd2.journal.member import SOLE, Member
from storage.etcd2.journal.reading import Entry, Segment, read_log
from storage.etcd2.journal.records import Kind
from storage.etcd2.journal.snapshot_files import (
    Snapshot,
    SnapshotAt,
    purge_snapshots,
    read_snapshot,
    snapshots_in,
    write_snapshot,
)
from storage.etcd2.journal.v3_database import put_database
from storage.etcd2.machine import Machine
from storage.etcd2.model import Method, Request
from storage.etcd2.pending import Group
from storage.etcd2.snapshot import MachineState
from storage.etcd2.snapshots import decode_state, encode_state

FIRST_TERM = 1
ELECTED_TERM = 2
"""A new member adds itself in term 1, and is elected in term 2."""


class FileJournal:
    """A ``Journal`` in etcd's own files."""

    def __init__(
        self,
        path: Path,
        *,
        sync: bool = True,
        staging: Staging | None = None,
        member: Member = SOLE,
        segment_bytes: int = SEGMENT_BYTES,
        pause: Callable[[], None] | None = None,
    ) -> None:
        """``pause`` is called between the pieces of a snapshot that is written."""
        self._dir = Etcd2Dir(path)
        self._member = member
        self._sync = sync
        self._pause = pause
        self._log = Log(
            self._dir.log,
            sync=sync,
            staging=Staging() if staging is None else staging,
            hold=self._dir.hold,
            segment_bytes=segment_bytes,
        )
        self._nodes: dict[int, None] = {}
        self._committing = False
        """Whether a group was handed over, and nobody knows yet what became of it."""
        self._snapshot_bytes = self._newest_bytes = 0

    def open(self, now_ns: int) -> Machine:
        segments = self._dir.acquire()
        try:
            machine = Machine()
            if segments:
                self._read(machine, segments, now_ns)
            else:
                self._make(machine, now_ns)
            if self._sync:
                self._dir.sync()
        except BaseException as error:
            self._log.close()
            self._dir.abandon()
            if isinstance(error, StoreError) and not isinstance(error, StoreOpenError):
                raise StoreOpenError(str(error)) from error
            if isinstance(error, OSError):
                raise StoreOpenError(f"{self._dir.path}: {error.strerror}") from error
            raise
        return machine

    def close(self) -> None:
        self._log.close()
        self._dir.release()

    def disk_bytes(self) -> int:
        return self._log.disk_bytes + self._snapshot_bytes

    def encode(self, request: Request) -> bytes:
        return encode_request(request)

    def commit(self, group: Group) -> Job:
        self._committing = True
        self._log.mark()
        return partial(self._log.append, group.encoded)

    def applied(self) -> None:
        self._committing = False

    def probe(self) -> Job:
        return self._log.probe

    def recover(self, error: Exception) -> bool:
        if self._committing:  # it counts as not written, whatever it came to
            self._committing = False
            self._log.forget()
        return False

    @property
    def snapshot_bytes(self) -> int:
        return self._newest_bytes

    def position(self) -> SnapshotAt:
        """Return where the log has come to."""
        return SnapshotAt(self._log.term, self._log.last)

    def note_snapshot(self, at: SnapshotAt) -> Job:
        """Return the job that notes in the log that a snapshot is being taken."""
        return partial(self._log.note_snapshot, at.entry, at.term)

    def keep_snapshot(self, at: SnapshotAt, state: MachineState) -> Job:
        """Return the job that makes a snapshot durable."""
        return partial(self._keep, at, state)

    def release(self, at: SnapshotAt) -> Job:
        """Return the job that removes what nobody needs beside a durable snapshot."""
        return partial(self._release, at)

    def _make(self, machine: Machine, now_ns: int) -> None:
        """Make a log in which a member has added itself, been elected, and told of itself."""
        member = self._member
        added, *told = member.requests()
        change = pb.ConfChange(ID=0, Type=0, NodeID=member.node_id, Context=member.context)
        first = pb.Entry(
            Type=EntryKind.MEMBERS, Term=FIRST_TERM, Index=1, Data=change.SerializeToString()
        )
        entries = [pb.Entry(Type=EntryKind.NORMAL, Term=ELECTED_TERM, Index=2)]
        entries += [
            pb.Entry(Type=EntryKind.NORMAL, Term=ELECTED_TERM, Index=3 + place, Data=encoded)
            for place, encoded in enumerate(map(encode_request, told))
        ]
        self._nodes = {member.node_id: None}
        log = self._log
        log.term, log.vote, log.last = ELECTED_TERM, member.node_id, 1 + len(entries)
        identity = pb.Identity(NodeID=member.node_id, ClusterID=member.cluster_id)
        early = pb.HardState(term=FIRST_TERM, vote=0, commit=1)
        log.make(
            identity.SerializeToString(),
            [
                (Kind.ENTRY, first.SerializeToString()),
                (Kind.STATE, early.SerializeToString()),
                *((Kind.ENTRY, entry.SerializeToString()) for entry in entries),
            ],
        )
        for request in (added, *told):
            machine.apply(request, now_ns)

    def _read(self, machine: Machine, segments: Sequence[Segment], now_ns: int) -> None:
        snapshot = self._newest_snapshot()
        at = SnapshotAt(0, 0)
        if snapshot is not None:
            at = snapshot.at
            self._nodes = dict.fromkeys(snapshot.nodes)
            try:
                machine.load(decode_state(snapshot.content))
            except (ValueError, KeyError, TypeError, IndexError):
                path = at.path(self._dir.snapshots)
                raise StoreOpenError(f"{path}: the snapshot is no store of etcd 2") from None
        content = read_log(segments, at.entry, at.term)
        for entry in content.entries:
            self._replay(machine, entry, now_ns)
        of_one_member(self._dir.path, tuple(self._nodes))
        self._log.open(segments, content)

    def _newest_snapshot(self) -> Snapshot | None:
        """Return the newest snapshot that can be read; None: there is none."""
        folder = self._dir.snapshots
        found = snapshots_in(folder) if folder.is_dir() else []
        failure: StoreError | None = None
        for at in reversed(found):
            try:
                snapshot = read_snapshot(at.path(folder))
            except StoreError as error:
                failure = failure or error
            else:
                self._snapshot_bytes = sum(each.path(folder).stat().st_size for each in found)
                return snapshot
        if failure is not None:
            raise failure
        return None

    def _replay(self, machine: Machine, entry: Entry, now_ns: int) -> None:
        requests: list[Request] = []
        try:
            if entry.kind == EntryKind.MEMBERS:
                requests = member_requests(entry.payload, self._nodes)
            elif entry.payload:
                request = decode_request(entry.payload)
                requests = [] if request is None else [request]
        except ForeignEntryError as error:
            raise StoreOpenError(f"{self._dir.log}: entry {entry.number}: {error}") from None
        for request in requests:
            if request.method is Method.SYNC:
                machine.expire(request.time_ns)
                continue
            try:
                machine.apply(request, now_ns)
            except Etcd2Error:
                continue  # it was refused then, too

    def _keep(self, at: SnapshotAt, state: MachineState) -> None:
        folder = self._dir.snapshots
        # Before the snapshot: a database that is ahead of it does no harm.
        put_database(folder, at.entry, sync=self._sync)
        self._newest_bytes = write_snapshot(
            folder, at, self._nodes, encode_state(state), sync=self._sync, pause=self._pause
        )
        purge_snapshots(folder)
        self._snapshot_bytes = sum(
            each.path(folder).stat().st_size for each in snapshots_in(folder)
        )

    def _release(self, at: SnapshotAt) -> None:
        self._log.release(at.entry)
