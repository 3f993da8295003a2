"""One stream of watches, without the transport: requests in, whole responses out. Pure.

How it works. Each watch is fed by the store, in the loop step in which a group is applied; what it
is told stands in *its own* pending list, and the watch once in the stream's queue, so a client that
is slower than the writes gets several revisions in a response, never parts of one. Answers that are
not events (created, canceled, progress) stand in the same queue, behind the events before them:
that is what makes a progress notice true.

**A client that does not read.** Beyond ``bound_bytes`` of pending responses a watch that is told
more is *parked*: its subscription ends, what it was told last is remembered, and it starts again
from the store's history when the stream has drained to half. So a stream holds at most its bound
and one batch, nothing is lost or told twice, and a client that comes back after a compaction is
told so, as if it had been away.

**Progress.** A watch is *synced* when the store tells it of revisions as they happen; until then it
is told history. A progress request is answered when every watch of the stream is synced and has
reached the revision that it starts from, with the revision applied by then: all events up to it
stand in the queue before the answer. That is judged when the next response is taken, in a step of
its own: while the store tells a group, some watches know of it and some not yet. Requests that wait
share an answer.

**Compaction.** A watch from below the compact revision is created, then canceled with it. So is one
from that revision itself, which etcd starts with what it still has of it: a delete is not among
that. Here a watch that begins is told everything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from serialization.api.etcd.rpc_pb2 import WatchCreateRequest, WatchRequest
from storage.errors import CompactedError, StoreError
from storage.interface import Watch, Watcher
from storage.mvcc import Span
from storage.records import Batch
from storage.serve.etcd3.watch_events import (
    NO_DELETES,
    NO_PUTS,
    PREVIOUS,
    EventEncoder,
    Frames,
    Responses,
)
from storage.serve.etcd3.watch_pending import fragments, take

DUPLICATE: Final = "mvcc: duplicate watch ID provided on the WatchStream"
EMPTY_RANGE: Final = "mvcc: watcher range is empty"

RESUMING_MAX: Final = 4
"""Parked watches that replay at a time: each reads a page of history per turn of the loop, and
what finds no room in the stream was read for nothing."""


class Source(Protocol):
    """What a stream needs of a store."""

    def current_revision(self) -> int:
        """As ``storage.interface.Readable``."""
        ...

    def watch_span(self, span: Span, watcher: Watcher, *, after: int) -> Watch:
        """As ``storage.mvcc.Mvcc``."""
        ...


class StreamLimits(NamedTuple):
    """How much a stream holds and sends."""

    bound_bytes: int = 16 << 20
    """Pending responses beyond which watches are parked."""
    response_bytes: int = 1 << 20
    """Revisions are joined in a response up to this; one revision may exceed it."""
    fragment_bytes: int = 2 << 20
    """Where a watch allows fragments, a larger response is split."""


class SpanWatch:
    """One watch of a stream; the ``Watcher`` that the store tells. Small: there may be 10,000."""

    __slots__ = (
        "flavour",
        "fragment",
        "handle",
        "notify",
        "pending",
        "position",
        "quiet",
        "span",
        "start",
        "stream",
        "synced",
        "watch_id",
    )

    def __init__(self, stream: WatchStream, watch_id: int, request: WatchCreateRequest) -> None:
        self.stream = stream
        self.watch_id = watch_id
        self.span = Span(request.key or b"\0", request.range_end)
        self.flavour = _flavour(request)
        self.fragment = request.fragment
        self.notify = request.progress_notify
        self.start = request.start_revision or stream.source.current_revision() + 1
        self.position = self.start - 1
        """The revision up to which everything has been put into ``pending``."""
        self.pending: deque[Frames] | None = None
        self.handle: Watch | None = None
        self.synced = False
        self.quiet = True
        """Nothing has been told since the last round of progress notices."""

    def deliver(self, batch: Batch) -> None:
        """As ``Watcher.deliver``."""
        self.stream.told(self, batch)

    def closed(self, error: StoreError) -> None:
        """As ``Watcher.closed``."""
        self.stream.ended(self, error)


class WatchStream:
    """The watches of one stream, and what is to be written to it."""

    def __init__(
        self,
        source: Source,
        encoder: EventEncoder,
        responses: Responses,
        *,
        limits: StreamLimits,
        wake: Callable[[], None],
    ) -> None:
        self.source = source
        self.pending_bytes = 0
        """Of responses that wait to be written."""
        self.parked_count = 0
        """How often a watch was parked."""
        self._encoder = encoder
        self._responses = responses
        self._limits = limits
        self._wake = wake
        self._watches: dict[int, SpanWatch] = {}
        self._next_id = 0
        self._queue: deque[SpanWatch | bytes] = deque()
        self._parked: dict[SpanWatch, None] = {}
        self._resuming: dict[SpanWatch, None] = {}
        self._behind: dict[SpanWatch, None] = {}
        """Watches that no progress may be told of: those not synced, and those of the future."""
        self._asked = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._watches)

    @property
    def full(self) -> bool:
        """Whether no more requests should be taken before something has been written."""
        return self.pending_bytes >= self._limits.bound_bytes

    def take(self, request: WatchRequest) -> None:
        """Take a request of the client."""
        which = request.WhichOneof("request_union")
        if which == "create_request":
            self._create(request.create_request)
        elif which == "cancel_request":
            self._cancel(request.cancel_request.watch_id)
        elif which == "progress_request":
            self._asked = True
            self._wake()

    def next(self) -> bytes | None:
        """Take the next response to write, or None if there is none now.

        Not to be called while the store is telling watches of a group: a progress notice that is
        due is made here, and speaks for all of them.
        """
        if self._asked:
            self._answer_progress()
        queue = self._queue
        while queue:
            head = queue.popleft()
            if isinstance(head, bytes):
                self.pending_bytes -= len(head)
                response = head
            elif head.pending is None:  # canceled meanwhile
                continue
            else:
                response = self._respond(head)
            if self._parked:
                self._resume()
            return response
        return None

    def notify(self) -> None:
        """Tell watches of progress that asked for it, and were told nothing since the last call."""
        revision = self.source.current_revision()
        for watch in self._watches.values():
            if watch.notify and watch.quiet and self._is_up_to(watch, revision):
                self._put(self._responses.progress(revision, watch.watch_id))
            watch.quiet = True

    def close(self) -> None:
        """End all watches; nothing is told after this."""
        self._closed = True
        watches, self._watches = self._watches, {}
        for watch in watches.values():
            if watch.handle is not None:
                watch.handle.cancel()
        self._queue.clear()
        self._parked.clear()
        self._resuming.clear()

    def told(self, watch: SpanWatch, batch: Batch) -> None:
        """Take what the store tells a watch."""
        if batch.changes:
            frames = self._encoder.frames(batch, watch.flavour)
            if frames.size:
                if self.pending_bytes >= self._limits.bound_bytes:
                    self._park(watch)
                    return
                self._append(watch, frames)
        watch.position = batch.revision
        if not watch.synced and batch.revision >= self.source.current_revision():
            watch.synced = True
            self._resuming.pop(watch, None)
            if self._parked:
                self._resume()
        if self._asked:
            self._wake()

    def ended(self, watch: SpanWatch, error: StoreError) -> None:
        """Take it that the store has ended a watch."""
        if self._watches.get(watch.watch_id) is not watch:
            return
        self._forget(watch)
        watch.handle = None
        compacted = error.compacted if isinstance(error, CompactedError) else 0
        # etcd tells no revision here: a client must not take it for progress.
        self._put(self._responses.canceled(0, watch.watch_id, compact_revision=compacted))
        if self._parked:
            self._resume()
        if self._asked:
            self._wake()

    def _create(self, request: WatchCreateRequest) -> None:
        revision = self.source.current_revision()
        reason = self._refusal(request)
        if reason:
            self._put(self._responses.refused(revision, reason))
            return
        watch = SpanWatch(self, request.watch_id or self._free_id(), request)
        self._watches[watch.watch_id] = watch
        self._put(self._responses.created(revision, watch.watch_id))
        if self.full:
            self._parked[watch] = self._behind[watch] = None
        else:
            self._start(watch)

    def _refusal(self, request: WatchCreateRequest) -> str:
        key, end = request.key or b"\0", request.range_end
        if end not in (b"", b"\0") and key >= end:
            return EMPTY_RANGE
        if request.watch_id and request.watch_id in self._watches:
            return DUPLICATE
        return ""

    def _free_id(self) -> int:
        while self._next_id in self._watches:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    def _cancel(self, watch_id: int) -> None:
        watch = self._watches.get(watch_id)
        if watch is None:
            return
        self._forget(watch)
        if watch.handle is not None:
            watch.handle.cancel()
        if watch.pending is not None:
            self.pending_bytes -= sum(frames.size for frames in watch.pending)
            watch.pending = None
        self._put(self._responses.canceled(self.source.current_revision(), watch_id))
        if self._asked:
            self._wake()

    def _forget(self, watch: SpanWatch) -> None:
        del self._watches[watch.watch_id]
        for each in (self._parked, self._resuming, self._behind):
            each.pop(watch, None)

    def _start(self, watch: SpanWatch) -> None:
        revision = self.source.current_revision()
        watch.synced = watch.position >= revision
        if not self._is_up_to(watch, revision):
            self._behind[watch] = None
        # Nothing was written at revision 1, so a watch from there is one of all that is kept.
        watch.handle = self.source.watch_span(watch.span, watch, after=max(1, watch.position))

    def _park(self, watch: SpanWatch) -> None:
        assert watch.handle is not None
        watch.handle.cancel()
        watch.handle = None
        watch.synced = False
        self._resuming.pop(watch, None)
        self._parked[watch] = self._behind[watch] = None
        self.parked_count += 1

    def _resume(self) -> None:
        """Let parked watches go on where there is room again, the longest parked first."""
        while (
            self._parked
            and len(self._resuming) < RESUMING_MAX
            and self.pending_bytes <= self._limits.bound_bytes // 2
        ):
            watch = next(iter(self._parked))
            del self._parked[watch]
            self._start(watch)
            if not watch.synced:
                self._resuming[watch] = None

    @staticmethod
    def _is_up_to(watch: SpanWatch, revision: int) -> bool:
        """Whether a watch has been told everything up to ``revision``, the present one."""
        return watch.synced and watch.start <= revision + 1

    def _answer_progress(self) -> None:
        revision = self.source.current_revision()
        while self._behind:
            watch = next(iter(self._behind))
            if not self._is_up_to(watch, revision):
                return
            del self._behind[watch]
        self._asked = False
        self._put(self._responses.progress(revision, -1))

    def _append(self, watch: SpanWatch, frames: Frames) -> None:
        watch.quiet = False
        self.pending_bytes += frames.size
        if watch.pending is None:
            watch.pending = deque((frames,))
            self._queue.append(watch)
            self._wake()
        else:
            watch.pending.append(frames)

    def _put(self, response: bytes) -> None:
        if self._closed:
            return
        self.pending_bytes += len(response)
        self._queue.append(response)
        self._wake()

    def _respond(self, watch: SpanWatch) -> bytes:
        """Make a response of what is pending of a watch; what exceeds it stays at the front."""
        pending = watch.pending
        assert pending
        watch.pending = None
        if len(pending) == 1 and pending[0].size <= self._limits.response_bytes:
            frames = pending[0]
        else:
            frames = take(pending, self._limits.response_bytes)
            if pending:
                watch.pending = pending
                self._queue.appendleft(watch)
        self.pending_bytes -= frames.size
        if watch.fragment and frames.size > self._limits.fragment_bytes:
            return self._fragments(watch, frames)
        return self._responses.events(frames.upto, watch.watch_id, frames.encoded)

    def _fragments(self, watch: SpanWatch, frames: Frames) -> bytes:
        """Return the first fragment, and put the others at the front of the queue."""
        pieces = fragments(frames.encoded, self._limits.fragment_bytes)
        made = [
            self._responses.events(frames.upto, watch.watch_id, piece, fragment=at < len(pieces))
            for at, piece in enumerate(pieces, 1)
        ]
        for response in reversed(made[1:]):
            self.pending_bytes += len(response)
            self._queue.appendleft(response)
        return made[0]


def _flavour(request: WatchCreateRequest) -> int:
    flavour = PREVIOUS if request.prev_kv else 0
    for each in request.filters:
        flavour |= NO_PUTS if each == WatchCreateRequest.NOPUT else NO_DELETES
    return flavour
