"""A watch over etcd's whole key space, told in whole revisions.

etcd breaks a response that is bigger than a request may be (1.5 MiB and a bit) into fragments, if
asked to: without that a client that resumes after an outage is sent a thousand revisions in one
piece, whatever they weigh. Fragments end anywhere, also within the changes of a transaction, so
what belongs to the last revision of one waits here for the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from serialization.api.etcd import kv_pb2
from serialization.api.etcd import rpc_pb2 as rpc
from storage.errors import CompactedError
from storage.remote.etcd3.failures import CallError, cancelled_watch
from storage.remote.etcd3.keys import ALL
from storage.remote.etcd3.rpc import Stream


class WholeRevisions:
    """The changes after a revision. Both methods raise CallError, CompactedError."""

    def __init__(self, stream: Stream, after: int) -> None:
        self.after = after
        """Everything up to here has been returned, or was not asked for."""
        self._stream = stream
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

    async def _next(self) -> rpc.WatchResponse:
        response = await self._stream.read()
        if response.canceled:
            if response.compact_revision:
                raise CompactedError(self.after, response.compact_revision)
            raise cancelled_watch(response.cancel_reason)
        return response
