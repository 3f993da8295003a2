"""Objects as they are: cached bytes, joined."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from cluster.apiserver.views.frames import bookmark_frame, error_frame, stream_type
from cluster.apiserver.views.interface import CACHED_STEP, ENCODE_STEP
from cluster.apiserver.views.pieces import Around, Turn, made, streamed
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
        self, head: ListHead, objects: Sequence[CachedObject], turn: Turn
    ) -> AsyncIterator[bytes]:
        """As the contract. A list that begins with its length is gone through twice."""
        codec, bare = self._codec, self._cache.bare
        kind = TypeMeta(self._cache.resource.api_version, self._cache.resource.list_kind)
        quick = self._cache.encode_once and codec.name == self._cache.storage_codec.name
        step = CACHED_STEP if quick else ENCODE_STEP

        def joined(run: Sequence[CachedObject]) -> bytes:
            return codec.list_items([bare(obj, codec) for obj in run])

        size = 0
        if codec.measures_lists and not quick:  # what is encoded must be held, or it is made twice
            items = await made(objects, lambda obj: bare(obj, codec), turn, step=step)
            around = Around(
                codec.list_head(kind, head, codec.list_size(items)),
                codec.list_separator,
                codec.list_end,
            )
            async for piece in streamed(around, items, codec.list_items, turn, step=CACHED_STEP):
                yield piece
            return
        if codec.measures_lists:
            for start in range(0, len(objects), step):
                size += codec.list_size([bare(obj, codec) for obj in objects[start : start + step]])
                if turn.over:
                    await turn.next()
        around = Around(codec.list_head(kind, head, size), codec.list_separator, codec.list_end)
        async for piece in streamed(around, objects, joined, turn, step=step):
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
