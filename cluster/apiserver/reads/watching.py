"""WATCH: bring a client up to date, make it a member of its group, see its stream to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

from cluster.apiserver.asgi import NO_STORE, Receive, Scope, Send
from cluster.apiserver.errors import expired
from cluster.apiserver.fanout.chunk import Chunk
from cluster.apiserver.fanout.fanout import Fanout
from cluster.apiserver.fanout.group import Group
from cluster.apiserver.fanout.stream import End, Stream
from cluster.apiserver.fanout.writer import StreamWriter
from cluster.apiserver.reads.options import WatchOptions
from cluster.apiserver.views.interface import View
from storage.errors import CompactedError
from storage.watchcache.cache import WatchCache
from storage.watchcache.errors import ReinitializingError
from storage.watchcache.events import EventType, WatchEvent
from storage.watchcache.resource import ResourceCache
from storage.watchcache.selection import Selection

SLICE_EVENTS: Final = 64
SLICE_BYTES: Final = 256 * 1024
"""What is told at once of what there is already: as much as keeps the loop for under 1 ms."""


class Wire(NamedTuple):
    """The three things that ASGI gives for a request."""

    scope: Scope
    receive: Receive
    send: Send


class Target(NamedTuple):
    """What is watched, and in which form it is told."""

    cache: ResourceCache
    selection: Selection
    view: View


class WatchServer:
    """Serves watches."""

    def __init__(self, cache: WatchCache, fanout: Fanout) -> None:
        self._cache = cache
        self._fanout = fanout
        # A slice must fit into what may wait for a client, or it could never catch up.
        self._slice_bytes = min(SLICE_BYTES, fanout.config.buffer_max_bytes // 4)

    async def serve(self, wire: Wire, target: Target, options: WatchOptions) -> None:
        """Answer a watch, from head to end; returns when it is over.

        Raises, before the head, FutureRevisionError for a state that is not there yet, and
        ReinitializingError.
        """
        if options.revision is None and self._cache.others_write:
            await self._cache.catch_up()
        elif options.tells_state and options.revision:
            await self._cache.wait_for(options.revision)
        target.cache.check()
        headers = [(b"content-type", target.view.stream_media_type), NO_STORE]
        await wire.send({"type": "http.response.start", "status": 200, "headers": headers})
        stream = Stream(bookmarks=options.bookmarks)
        seconds = options.timeout_s or self._fanout.timeout_s()
        timer = asyncio.get_running_loop().call_later(seconds, stream.end, End.TIMEOUT)
        end = End.DISCONNECTED
        try:
            async with self._fanout.open(stream, wire.scope, wire.receive, wire.send) as writer:
                stream.writer = writer
                end = await self._follow(stream, writer, target, options)
        finally:
            timer.cancel()
            stream.writer = None  # it leads back to the stream: a circle
            self._fanout.closed(stream, end)
        if end not in {End.DISCONNECTED, End.SLOW, End.BROKEN}:
            await wire.send({"type": "http.response.body", "body": b""})

    async def _follow(
        self, stream: Stream, writer: StreamWriter, target: Target, options: WatchOptions
    ) -> End:
        try:
            position = await self._tell_state(stream, writer, target, options)
            group = await self._catch_up(stream, writer, target, position)
        except CompactedError as error:
            why = f"too old resource version: {error.revision} ({error.compacted})"
            stream.write(Chunk(target.view.error(expired(why).status())))
            return End.FAILED
        except ReinitializingError:  # the client comes again from where it is
            return End.STOPPED
        if group is None:
            return stream.ended.result()
        try:
            end = await stream.ended
            if end in {End.TIMEOUT, End.STOPPED}:
                group.farewell(stream, bookmark=end is End.TIMEOUT)
            return end
        finally:
            self._fanout.leave(stream, group)

    async def _tell_state(
        self, stream: Stream, writer: StreamWriter, target: Target, options: WatchOptions
    ) -> int:
        """Tell the objects that are there, if that is wanted; return the revision to go on from."""
        if not options.tells_state:
            if options.revision is None:
                return self._cache.revision
            await self._await_revision(stream, options.revision)
            return target.cache.resumption(options.revision)
        cache, selection, view = target
        revision = self._cache.revision
        for run in cache.select(selection):
            if stream.ended.done():
                return revision
            if run:
                self._cache.counters.init_events += len(run)
                frames = (view.frame(WatchEvent(EventType.ADDED, obj)) for obj in run)
                await self._tell(stream, writer, frames)
        if options.ends_state and not stream.ended.done():
            stream.write(Chunk(view.bookmark(revision, initial_end=True)))
        return revision

    async def _await_revision(self, stream: Stream, revision: int) -> None:
        """Wait for a revision from the future: until then the client is told nothing."""
        reached = self._cache.reached(revision)
        await asyncio.wait((reached, stream.ended), return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()

    async def _catch_up(
        self, stream: Stream, writer: StreamWriter, target: Target, position: int
    ) -> Group | None:
        """Tell what happened after ``position`` until it is the present, and join there and then.

        Returns None where the stream ended on the way. Raises CompactedError.
        """
        cache, selection, view = target
        while not stream.ended.done():
            replay = cache.replay(selection, position)
            frames = [view.frame(event) for event in replay.events]
            if replay.complete and sum(map(len, frames)) <= self._slice_bytes:
                if frames:
                    stream.write(Chunk(b"".join(frames)))
                return self._fanout.join(stream, cache, selection, view)
            position = replay.revision
            await self._tell(stream, writer, frames)
        return None

    async def _tell(self, stream: Stream, writer: StreamWriter, frames: Iterable[bytes]) -> None:
        """Write frames in slices, at the client's pace, and let others in after each."""
        gathered: list[bytes] = []
        size = 0
        for frame in frames:
            gathered.append(frame)
            size += len(frame)
            if len(gathered) == SLICE_EVENTS or size >= self._slice_bytes:
                await self._write(stream, writer, gathered)
                gathered, size = [], 0
        if gathered:
            await self._write(stream, writer, gathered)

    async def _write(self, stream: Stream, writer: StreamWriter, frames: list[bytes]) -> None:
        if stream.ended.done():  # the client may have gone while others were let in
            return
        stream.write(Chunk(b"".join(frames)))
        await writer.drain()
        await asyncio.sleep(0)
