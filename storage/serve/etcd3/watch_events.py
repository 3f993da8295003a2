"""Watch responses as bytes: an event is encoded once, however many watches want it.

How it works. All watches of one span are told the same ``Batch`` object, and all watches of a
group's changes the same ``Change`` objects. So what was made of the last batch is kept by flavour
(which filters, with the value before or not), and what was made of each change of the last revision
by change: up to a bound, since watches that are told history at one revision each have changes of
their own. A response is then its header, its watch id and the joined frames of its events; a frame
is an event with its tag and length, as it stands in the response.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from serialization.api.etcd.kv_pb2 import Event
from serialization.api.etcd.rpc_pb2 import ResponseHeader, WatchResponse
from serialization.wire import varint
from storage.records import Batch, Change

PREVIOUS: Final = 1
NO_PUTS: Final = 2
NO_DELETES: Final = 4

KEPT_BYTES_MAX: Final = 4 << 20
"""Of events that are kept by their changes. Without it 400 watches from the first revision on, of
20 values of 30 KB, held 480 MB until the next write."""

_HEADER_TAG: Final = b"\x0a"
_ID_TAG: Final = b"\x10"
_FRAGMENT: Final = b"\x38\x01"
_EVENT_TAG: Final = b"\x5a"
_INT64: Final = (1 << 64) - 1
"""A negative number stands on the wire as what it is modulo one more than this."""


class Frames(NamedTuple):
    """The events of a batch that a watch wants, in order."""

    encoded: list[bytes]
    revisions: list[int]
    """Of each event."""
    size: int
    """In bytes, of all."""
    upto: int
    """The revision up to which they are everything that the watch is to be told."""


NOTHING: Final = Frames([], [], 0, 0)


class Told(NamedTuple):
    """Who answers: what every header says beside the revision."""

    cluster_id: int
    member_id: int
    term: int


class EventEncoder:
    """Makes frames of batches; one for all watches of a server."""

    def __init__(self) -> None:
        self.encoded = 0
        """Events encoded so far: a counter that shows what sharing spares."""
        self._batch = Batch(0, ())
        self._of_batch: dict[int, Frames] = {}
        self._revision = 0
        self._plain: dict[int, tuple[Change, bytes]] = {}
        self._with_previous: dict[int, tuple[Change, bytes]] = {}
        self.kept_bytes = 0

    def frames(self, batch: Batch, flavour: int) -> Frames:
        """Return what a watch of this flavour is told of a batch."""
        if batch is not self._batch:
            self._turn_to(batch)
        made = self._of_batch.get(flavour)
        if made is None:
            made = self._of_batch[flavour] = self._make(batch, flavour)
        return made

    def forget(self) -> None:
        """Let go of the last batch."""
        self._turn_to(Batch(0, ()))

    def _turn_to(self, batch: Batch) -> None:
        self._batch = batch
        self._of_batch = {}
        if batch.revision != self._revision:
            self._revision = batch.revision
            self._plain, self._with_previous = {}, {}
            self.kept_bytes = 0

    def _make(self, batch: Batch, flavour: int) -> Frames:
        changes = batch.changes
        if flavour & (NO_PUTS | NO_DELETES):
            puts, deletes = not flavour & NO_PUTS, not flavour & NO_DELETES
            changes = tuple(
                change for change in changes if (deletes if change.value is None else puts)
            )
        if not changes:
            return NOTHING
        previous = flavour & PREVIOUS
        known = self._with_previous if previous else self._plain
        encoded: list[bytes] = []
        for change in changes:
            made = known.get(id(change))
            if made is None:
                made = (change, _frame(change, with_previous=bool(previous)))
                self.encoded += 1
                if self.kept_bytes < KEPT_BYTES_MAX:
                    known[id(change)] = made  # with the change, so that its id stays its own
                    self.kept_bytes += len(made[1])
            encoded.append(made[1])
        revisions = [change.revision for change in changes]
        return Frames(encoded, revisions, sum(map(len, encoded)), batch.revision)


class Responses:
    """Makes whole responses of one server."""

    def __init__(self, told: Told) -> None:
        self._header = ResponseHeader(
            cluster_id=told.cluster_id, member_id=told.member_id, raft_term=told.term
        )

    def events(
        self, revision: int, watch_id: int, frames: list[bytes], *, fragment: bool = False
    ) -> bytes:
        """Return a response with these events."""
        start = [_HEADER_TAG, self._head(revision)]
        if watch_id:
            start += (_ID_TAG, varint(watch_id & _INT64))
        if fragment:
            start.append(_FRAGMENT)
        return b"".join(start + frames)

    def created(self, revision: int, watch_id: int) -> bytes:
        """Return the first response to a watch."""
        return self._control(revision, WatchResponse(watch_id=watch_id, created=True))

    def refused(self, revision: int, reason: str) -> bytes:
        """Return the only response to a watch that cannot be."""
        response = WatchResponse(watch_id=-1, created=True, canceled=True, cancel_reason=reason)
        return self._control(revision, response)

    def canceled(self, revision: int, watch_id: int, *, compact_revision: int = 0) -> bytes:
        """Return the last response of a watch."""
        return self._control(
            revision,
            WatchResponse(watch_id=watch_id, canceled=True, compact_revision=compact_revision),
        )

    def progress(self, revision: int, watch_id: int) -> bytes:
        """Return a progress notice."""
        return self._control(revision, WatchResponse(watch_id=watch_id))

    def _control(self, revision: int, response: WatchResponse) -> bytes:
        header = response.header
        header.CopyFrom(self._header)
        header.revision = revision
        return response.SerializeToString()

    def _head(self, revision: int) -> bytes:
        self._header.revision = revision
        made = self._header.SerializeToString()
        return bytes((len(made),)) + made  # three integers and a revision: below 128


def _frame(change: Change, *, with_previous: bool) -> bytes:
    event = Event()
    kv = event.kv
    kv.key = change.key
    kv.mod_revision = change.revision
    if change.value is None:
        event.type = Event.DELETE
    else:
        kv.value = change.value
        kv.create_revision = change.create_revision
        kv.version = change.version
        kv.lease = change.lease
    if with_previous and change.previous is not None:
        past = change.previous
        kv = event.prev_kv
        kv.key = past.key
        kv.value = past.value
        kv.mod_revision = past.revision
        kv.create_revision = past.create_revision
        kv.version = past.version
        kv.lease = past.lease
    made = event.SerializeToString()
    return _EVENT_TAG + varint(len(made)) + made
