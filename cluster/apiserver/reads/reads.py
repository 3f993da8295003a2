"""The read path as verbs call it: one value per API server."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.apiserver.asgi import NO_STORE, Send
from cluster.apiserver.fanout.fanout import Fanout
from cluster.apiserver.reads.listing import Lister, Listing, encode_list
from cluster.apiserver.reads.options import ListOptions, list_options, watch_options
from cluster.apiserver.reads.watching import Target, WatchServer, Wire
from serialization.codecs.interface import Codec
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

    async def answer_list(
        self,
        send: Send,
        resource: Resource,
        codec: Codec,
        selection: Selection,
        query: Mapping[str, str],
    ) -> int:
        """Answer a list in ``codec``, in slices between which others run; return its bytes."""
        listing = await self.list(resource, selection, list_options(query))
        headers = [(b"content-type", codec.media_type.encode()), NO_STORE]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        size = 0
        async for piece in encode_list(self._cache.of(resource), listing, codec):
            size += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return size

    async def answer_watch(
        self,
        wire: Wire,
        resource: Resource,
        codec: Codec,
        selection: Selection,
        query: Mapping[str, str],
    ) -> None:
        """Answer a watch from head to end; returns when it is over."""
        target = Target(self._cache.of(resource), selection, codec)
        await self._watches.serve(wire, target, watch_options(query))
