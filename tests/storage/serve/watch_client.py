"""A client of one watch stream that checks what it is told beside the naive source's history."""

from __future__ import annotations

from dataclasses import dataclass, field

from serialization.api.etcd.kv_pb2 import Event
from serialization.api.etcd.rpc_pb2 import WatchCreateRequest, WatchRequest, WatchResponse
from storage.mvcc import Span
from storage.records import Change
from storage.serve.etcd3.watch_streams import WatchStream
from tests.storage.serve.span_source import SpanSource, holds

Seen = tuple[int, bytes, bytes | None, bytes | None]
"""(revision, key, value or None for a delete, value before or None)."""


def change_of(event: Event) -> Seen:
    """Return an event as a change is seen."""
    value = None if event.type == Event.DELETE else event.kv.value
    previous = event.prev_kv.value if event.prev_kv.key else None
    return event.kv.mod_revision, event.kv.key, value, previous


@dataclass
class Log:
    """What one watch was told."""

    request: WatchCreateRequest
    start: int
    events: list[Seen] = field(default_factory=list)
    partial: list[Seen] = field(default_factory=list)
    """Of a response whose last fragment has not come."""
    ended: bool = False
    compact_revision: int = 0

    def wants(self, change: Change) -> bool:
        """Say whether the watch is to be told of a change."""
        request = self.request
        kind = WatchCreateRequest.NODELETE if change.value is None else WatchCreateRequest.NOPUT
        span = Span(request.key or b"\0", request.range_end)
        return (
            change.revision >= self.start
            and holds(span, change.key)
            and kind not in request.filters
        )

    def seen(self, change: Change) -> Seen:
        """Return what the watch is to be told of a change."""
        previous = change.previous.value if change.previous and self.request.prev_kv else None
        return change.revision, change.key, change.value, previous


class WatchClient:
    """Sends requests to a stream, reads its responses, and checks each promise."""

    def __init__(self, source: SpanSource, stream: WatchStream) -> None:
        self.source = source
        self.stream = stream
        self.logs: dict[int, Log] = {}
        self.ended: list[Log] = []
        self.progress: list[int] = []
        self.notices: list[tuple[int, int]] = []
        self.refusals: list[str] = []
        self._asked: list[WatchCreateRequest] = []

    def create(self, request: WatchCreateRequest) -> None:
        """Ask for a watch."""
        self._asked.append(request)
        self.stream.take(WatchRequest(create_request=request))

    def cancel(self, watch_id: int) -> None:
        """Ask for the end of a watch."""
        request = WatchRequest()
        request.cancel_request.watch_id = watch_id
        self.stream.take(request)

    def ask_progress(self) -> None:
        """Ask how far it is."""
        request = WatchRequest()
        request.progress_request.SetInParent()
        self.stream.take(request)

    def read(self, limit: int) -> list[WatchResponse]:
        """Read up to ``limit`` responses."""
        read: list[WatchResponse] = []
        while len(read) < limit:
            raw = self.stream.next()
            if raw is None:
                break
            read.append(WatchResponse.FromString(raw))
            self._take(read[-1])
        return read

    def settle(self) -> None:
        """Read, and let replays go on, until nothing comes any more."""
        for _ in range(10_000):
            self.source.step()
            if not self.read(1000) and all(
                each.position >= self.source.revision for each in self.source.subscriptions
            ):
                return
        raise AssertionError("it never comes to rest")

    def expected(self, log: Log, upto: int) -> list[Seen]:
        """Return what a watch is to be told up to a revision."""
        return [
            log.seen(change)
            for change in self.source.changes
            if change.revision <= upto and log.wants(change)
        ]

    def _take(self, response: WatchResponse) -> None:
        if response.created:
            request = self._asked.pop(0)
            if response.canceled:
                assert response.watch_id == -1
                self.refusals.append(response.cancel_reason)
                return
            assert response.watch_id not in self.logs
            start = request.start_revision or response.header.revision + 1
            self.logs[response.watch_id] = Log(request, start)
        elif response.watch_id == -1:
            self._take_progress(response.header.revision)
        elif response.canceled:
            assert not response.events
            log = self.logs.pop(response.watch_id)
            log.ended, log.compact_revision = True, response.compact_revision
            assert not log.partial
            self.ended.append(log)
        elif response.events:
            self._take_events(self.logs[response.watch_id], response)
        else:
            self._check(self.logs[response.watch_id], response.header.revision)
            self.notices.append((response.watch_id, response.header.revision))

    def _take_progress(self, revision: int) -> None:
        self.progress.append(revision)
        for log in self.logs.values():
            self._check(log, revision)

    def _check(self, log: Log, revision: int) -> None:
        """Everything up to ``revision`` must have been told."""
        assert not log.partial
        told = [each for each in log.events if each[0] <= revision]
        assert told == self.expected(log, revision)
        assert revision + 1 >= log.start

    def _take_events(self, log: Log, response: WatchResponse) -> None:
        events = [change_of(event) for event in response.events]
        log.partial += events
        if response.fragment:
            assert log.request.fragment
            return
        if log.events:
            assert log.partial[0][0] > log.events[-1][0], "a revision in two responses"
        log.events += log.partial
        log.partial = []
        self._check(log, response.header.revision)
