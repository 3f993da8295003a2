"""Bytes of cached objects, made at most once per object version and codec."""

from __future__ import annotations

from google.protobuf.message import Message

from serialization.codecs.interface import Codec
from serialization.scheme import Resource, metadata_of
from storage.watchcache.config import CacheConfig
from storage.watchcache.counters import CacheCounters
from storage.watchcache.kept import Kept
from storage.watchcache.objects import CachedObject


class Encoder:
    """Fills in the bytes of cached objects on first use."""

    def __init__(self, storage: Codec, counters: CacheCounters, config: CacheConfig) -> None:
        self._storage = storage
        self._storage_name = storage.name
        self._counters = counters
        self._encode_once = config.encode_once
        self._kept = Kept(config.kept_bytes, counters)

    @property
    def kept_bytes(self) -> int:
        """Bytes that are kept in codecs other than the store's."""
        return self._kept.bytes_held

    def bare(self, resource: Resource, obj: CachedObject, codec: Codec) -> bytes:
        """Return the bare form with its resourceVersion.

        Hot: called for every object of a list and every event. In the storage codec the revision
        is written into the stored bytes (0.3 us); in another the object is decoded and encoded
        (about 45 us into JSON), once for as long as that is kept. With ``encode_once`` off, every
        call encodes from a message.
        """
        if not self._encode_once:
            return self._encode(resource, obj, codec)
        name = codec.name
        if name == self._storage_name:
            return self._stamped(resource, obj)
        others = obj.others
        if others and name in others[::2]:
            self._counters.encode_hits[name] += 1
            obj.used = True
            found = others[2 * others[::2].index(name) + 1]
            assert isinstance(found, bytes), "names and bytes take turns"
            return found
        bare = self._encode(resource, obj, codec)
        self._kept.add(obj, name, bare)
        return bare

    def message(self, resource: Resource, obj: CachedObject) -> Message:
        """Return a fresh message, resourceVersion set, that the caller may change."""
        message = self._storage.decode_bare(resource.message, obj.bare)
        metadata_of(message).resourceVersion = str(obj.revision)
        return message

    def _stamped(self, resource: Resource, obj: CachedObject) -> bytes:
        if obj.stamp == obj.revision:
            self._counters.encode_hits[self._storage_name] += 1
        elif not obj.stamp:
            size = len(obj.bare)
            obj.bare = self._storage.with_resource_version(obj.bare, str(obj.revision))
            obj.grown = len(obj.bare) - size
            self._counters.stamped += 1
        else:  # a deletion's last state carries the revision of the write before
            obj.bare = self._encode(resource, obj, self._storage)
        obj.stamp = obj.revision
        return obj.bare

    def _encode(self, resource: Resource, obj: CachedObject, codec: Codec) -> bytes:
        self._counters.encodes[codec.name] += 1
        return codec.encode_bare(self.message(resource, obj))
