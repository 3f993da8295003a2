"""Objects by their metadata alone: PartialObjectMetadata, in JSON and protobuf."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from cluster.apiserver.views.frames import JSON, bookmark_frame, error_frame, stream_type
from cluster.apiserver.views.interface import CACHED_STEP, ENCODE_STEP
from cluster.apiserver.views.pieces import Around, Turn, made, streamed
from serialization.api.meta.v1_pb2 import PartialObjectMetadata, Status
from serialization.codecs.interface import Codec, ListHead, TypeMeta
from serialization.wire import read_varint
from storage.watchcache.events import WatchEvent
from storage.watchcache.objects import CachedObject
from storage.watchcache.resource import ResourceCache

GROUP: Final = "meta.k8s.io"
PARTIAL: Final = "PartialObjectMetadata"
PARTIAL_LIST: Final = "PartialObjectMetadataList"


class _Partial(msgspec.Struct):
    metadata: msgspec.Raw


_partial: Final = msgspec.json.Decoder(_Partial)


def partial_bare(cache: ResourceCache, obj: CachedObject, codec: Codec) -> bytes:
    """Return the bare form of an object's metadata, resourceVersion included.

    Cut out of the cached bytes of the storage codec; in another codec the metadata alone is
    encoded, so that it costs neither the encoding of the object nor a place in the cache.
    """
    storage = cache.storage_codec
    cut = _cut_json if storage.media_type == JSON else _cut_protobuf
    stored = cut(cache.bare(obj, storage))
    if codec.name == storage.name:
        return stored
    return codec.encode_bare(storage.decode_bare(PartialObjectMetadata, stored))


def _cut_json(bare: bytes) -> bytes:
    return b'{"metadata":%b}' % bytes(_partial.decode(bare).metadata)


def _cut_protobuf(bare: bytes) -> bytes:
    """Return the first field: the metadata stands under number 1 in every kind, here as there."""
    length, begin = read_varint(bare, 1)
    return bare[: begin + length]


class PartialView:
    """Tells metadata (``View``), in version v1 or v1beta1 of meta.k8s.io."""

    __slots__ = ("_cache", "_codec", "_kind", "_version")

    def __init__(self, cache: ResourceCache, codec: Codec, version: str) -> None:
        self._cache = cache
        self._codec = codec
        self._version = version
        self._kind = TypeMeta(f"{GROUP}/{version}", PARTIAL)

    @property
    def key(self) -> tuple[str, str, str]:
        return (PARTIAL, self._version, self._codec.name)

    @property
    def media_type(self) -> bytes:
        return self._codec.media_type.encode()

    @property
    def stream_media_type(self) -> bytes:
        return stream_type(self._codec)

    def document(self, obj: CachedObject) -> bytes:
        return self._codec.wrap(self._kind, partial_bare(self._cache, obj, self._codec))

    async def document_list(
        self, head: ListHead, objects: Sequence[CachedObject], turn: Turn
    ) -> AsyncIterator[bytes]:
        """As the contract. In JSON each item names its type, and an empty list is null."""
        codec = self._codec
        in_json = codec.media_type == JSON

        def item(obj: CachedObject) -> bytes:
            return self.document(obj) if in_json else partial_bare(self._cache, obj, codec)

        items = await made(objects, item, turn, step=ENCODE_STEP)
        kind = TypeMeta(self._kind.api_version, PARTIAL_LIST)
        start, end = codec.list_head(kind, head, codec.list_size(items)), codec.list_end
        if in_json and not items:
            start, end = start.removesuffix(b"["), b"null}"
        around = Around(start, codec.list_separator, end)
        async for piece in streamed(around, items, codec.list_items, turn, step=CACHED_STEP):
            yield piece

    def frame(self, event: WatchEvent) -> bytes:
        return self._codec.frame(event.type, self.document(event.object))

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        message = PartialObjectMetadata()
        return bookmark_frame(self._codec, self._kind, message, revision, initial_end=initial_end)

    def error(self, status: Status) -> bytes:
        return error_frame(self._codec, status)
