"""The read path as verbs call it: one value per API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from cluster.apiserver.asgi import NO_STORE
from cluster.apiserver.compression import ENCODED, THRESHOLD_BYTES, compressed, takes_gzip
from cluster.apiserver.fanout.fanout import Fanout
from cluster.apiserver.fanout.transport import lender_of
from cluster.apiserver.reads.listing import Lister, Listing
from cluster.apiserver.reads.options import ListOptions, list_options, watch_options
from cluster.apiserver.reads.watching import Target, WatchServer, Wire
from cluster.apiserver.views.pieces import Turn
from serialization.scheme import Resource
from storage.watchcache.cache import WatchCache
from storage.watchcache.selection import Selection


class Reads:
    """LIST and WATCH. Every method raises StatusError and the store's errors before the head."""

    def __init__(self, cache: WatchCache, fanout: Fanout) -> None:
        self._cache = cache
        self._fanout = fanout
        self._lister = Lister(cache)
        self._watches = WatchServer(cache, fanout)

    async def list(self, resource: Resource, selection: Selection, options: ListOptions) -> Listing:
        """Return the objects of a list, and its head."""
        return await self._lister.list(self._cache.of(resource), selection, options)

    async def answer_list(self, wire: Wire, target: Target, query: Mapping[str, str]) -> int:
        """Answer a list as a view tells it, in slices between which others run.

        Returns its size in bytes, as they are sent.
        """
        cache, selection, view = target
        listing = await self._lister.list(cache, selection, list_options(query))
        headers = [(b"content-type", view.media_type), NO_STORE]
        pieces = view.document_list(*listing, Turn(self._fanout.clock))
        first = await anext(pieces)
        rest = _all(first, pieces)
        if len(first) >= THRESHOLD_BYTES and takes_gzip(wire.scope):
            headers += ENCODED
            rest = compressed(rest)
        send, lender = wire.send, lender_of(wire.scope)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        size = 0
        async for piece in rest:
            if lender is not None and lender.transport.is_closing():
                break  # nobody is there: 60,000 pods in JSON are 3 s of work
            size += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return size

    async def answer_watch(self, wire: Wire, target: Target, query: Mapping[str, str]) -> None:
        """Answer a watch from head to end; returns when it is over."""
        await self._watches.serve(wire, target, watch_options(query))


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
