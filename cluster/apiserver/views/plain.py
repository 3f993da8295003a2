"""Objects as they are: cached bytes, joined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from cluster.apiserver.views.frames import bookmark_frame, error_frame, stream_type
from cluster.apiserver.views.interface import ENCODE_SLICE
from cluster.apiserver.views.pieces import gathered
from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.interface import Codec, ListHead, TypeMeta
from storage.watchcache.events import WatchEvent
from storage.watchcache.objects import CachedObject
from storage.watchcache.resource import ResourceCache


class PlainView:
    """Tells whole objects (``View``); nothing is encoded twice per version and codec."""

    __slots__ = ("_cache", "_codec", "_kind")

    def __init__(self, cache: ResourceCache, codec: Codec) -> None:
        resource = cache.resource
        self._cache = cache
        self._codec = codec
        self._kind = TypeMeta(resource.api_version, resource.kind)

    @property
    def key(self) -> str:
        return self._codec.name

    @property
    def media_type(self) -> bytes:
        return self._codec.media_type.encode()

    @property
    def stream_media_type(self) -> bytes:
        return stream_type(self._codec)

    def document(self, obj: CachedObject) -> bytes:
        return self._codec.wrap(self._kind, self._cache.bare(obj, self._codec))

    async def document_list(
        self, head: ListHead, objects: Sequence[CachedObject]
    ) -> AsyncIterator[bytes]:
        """As the contract; bytes are gathered first: the protobuf form begins with its length."""
        codec, bare = self._codec, self._cache.bare
        quick = codec.name == self._cache.storage_codec.name
        step = 8 * ENCODE_SLICE if quick else ENCODE_SLICE
        items: list[bytes] = []
        for start in range(0, len(objects), step):  # a call less an object than by ``made``
            items += [bare(obj, codec) for obj in objects[start : start + step]]
            if start:
                await asyncio.sleep(0)
        kind = TypeMeta(self._kind.api_version, self._cache.resource.list_kind)
        async for piece in gathered(codec.join_list(kind, head, items)):
            yield piece

    def frame(self, event: WatchEvent) -> bytes:
        codec = self._codec
        document = codec.wrap(self._kind, self._cache.bare(event.object, codec))
        return codec.frame(event.type, document)

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        message = self._cache.resource.message()
        return bookmark_frame(self._codec, self._kind, message, revision, initial_end=initial_end)

    def error(self, status: Status) -> bytes:
        return error_frame(self._codec, status)
