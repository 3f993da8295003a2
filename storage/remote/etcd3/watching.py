"""A watch over etcd's whole key space, told in whole revisions.

etcd breaks a response that is bigger than a request may be (1.5 MiB and a bit) into fragments, if
asked to: without that a client that resumes after an outage is sent a thousand revisions in one
piece, whatever they weigh. Fragments end anywhere, also within the changes of a transaction, so
what belongs to the last revision of one waits here for the next.

etcd ends a watch as compacted only where it begins *below* the compact revision; a deletion at that
very revision is gone, too, and such a watch would pass over it without a word. So when the first
events have come, and before they are told, etcd is asked whether the revision before them is there.

etcd begins to watch first, and notes after that that the states before changes are wanted (its
``v3rpc/watch.go``): what happens in between is told without them. They are asked for then, since a
deletion could not be told apart from that of another key's life.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from serialization.api.etcd import kv_pb2
from serialization.api.etcd import rpc_pb2 as rpc
from storage.errors import CompactedError
from storage.remote.etcd3.failures import COMPACTED, CallError, cancelled_watch
from storage.remote.etcd3.keys import ALL, DELETE
from storage.remote.etcd3.rpc import RANGE, Method, Stream


class Reads(Protocol):
    """What is asked for the state before a change: the link."""

    async def read(
        self, method: Method[rpc.RangeRequest, rpc.RangeResponse], request: rpc.RangeRequest
    ) -> rpc.RangeResponse:
        """Ask until there is an answer or the time is over. Raises CallError."""
        ...


class WholeRevisions:
    """The changes after a revision. Both methods raise CallError, CompactedError."""

    def __init__(self, stream: Stream, after: int, link: Reads) -> None:
        self.after = after
        """Everything up to here has been returned, or was not asked for."""
        self._stream = stream
        self._link = link
        self._kept = False
        """Whether nothing between ``after`` and the first events had been compacted."""
        self._tells_previous = False
        """Whether a state before a change has been told: from then on all are."""
        self._begun: list[kv_pb2.Event] = []
        """Of a revision that goes on in the next fragment, perhaps."""

    async def begin(self) -> rpc.ResponseHeader:
        """Create the watch; return what the member says of itself: it may lag behind others."""
        create = rpc.WatchCreateRequest(
            key=ALL, range_end=ALL, start_revision=self.after + 1, prev_kv=True, fragment=True
        )
        await self._stream.write(rpc.WatchRequest(create_request=create))
        return (await self._next()).header

    async def read(self) -> Sequence[kv_pb2.Event]:
        """Return the next events, all those of each revision; none where nothing is whole yet."""
        response = await self._next()
        events: Sequence[kv_pb2.Event] = response.events
        if events and not self._kept:
            await self._check_kept()
        if not self._tells_previous:
            await self._complete(events)
        if self._begun:
            events, self._begun = [*self._begun, *events], []
        if not events:
            return events
        if response.fragment:
            last = events[-1].kv.mod_revision
            whole = len(events) - 1
            while whole and events[whole - 1].kv.mod_revision == last:
                whole -= 1
            events, self._begun = events[:whole], list(events[whole:])
            if not events:
                return events
        if events[0].kv.mod_revision <= self.after:  # it may begin before what was asked
            raise CallError("UNAVAILABLE", "the watch told a revision again")
        self.after = events[-1].kv.mod_revision
        return events

    async def _check_kept(self) -> None:
        """Check that the last known revision is there still, and so are all after it."""
        request = rpc.RangeRequest(key=ALL, limit=1, count_only=True, revision=self.after)
        try:
            await self._link.read(RANGE, request)
        except CallError as error:
            if COMPACTED in error.details:
                raise CompactedError(self.after, self.after + 1) from error
            raise
        self._kept = True

    async def _complete(self, events: Sequence[kv_pb2.Event]) -> None:
        """Ask for the states before changes that the stream does not tell yet."""
        for event in events:
            if event.HasField("prev_kv"):
                self._tells_previous = True
                return
            if event.type == DELETE or event.kv.version > 1:
                previous = await self._previous(event.kv)
                if previous is not None:
                    event.prev_kv.CopyFrom(previous)

    async def _previous(self, kv: kv_pb2.KeyValue) -> kv_pb2.KeyValue | None:
        """Return the state before a change; None where it has been compacted."""
        request = rpc.RangeRequest(key=kv.key, limit=1, revision=kv.mod_revision - 1)
        try:
            answer = await self._link.read(RANGE, request)
        except CallError as error:
            if COMPACTED in error.details:
                return None
            raise
        return answer.kvs[0] if answer.kvs else None

    async def _next(self) -> rpc.WatchResponse:
        response = await self._stream.read()
        if response.canceled:
            if response.compact_revision:
                raise CompactedError(self.after, response.compact_revision)
            raise cancelled_watch(response.cancel_reason)
        return response
