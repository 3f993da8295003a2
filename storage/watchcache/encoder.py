"""Bytes of cached objects, made at most once per object version and codec."""

from __future__ import annotations

from google.protobuf.message import Message

from serialization.codecs.interface import Codec
from serialization.scheme import Resource, metadata_of
from storage.watchcache.counters import CacheCounters
from storage.watchcache.objects import CachedObject


class Encoder:
    """Fills in the bytes of cached objects on first use."""

    def __init__(self, storage: Codec, counters: CacheCounters, *, encode_once: bool) -> None:
        self._storage = storage
        self._counters = counters
        self._encode_once = encode_once

    def bare(self, resource: Resource, obj: CachedObject, codec: Codec) -> bytes:
        """Return the bare form with its resourceVersion.

        Hot: called for every object of a list and every event. In the storage codec the revision
        is written into the stored bytes (0.3 us); in another the object is decoded and encoded,
        once (about 45 us into JSON). With ``encode_once`` off, every call encodes from a message.
        """
        if not self._encode_once:
            return self._encode(resource, obj, codec)
        if codec.name == self._storage.name:
            return self._stamped(resource, obj)
        if obj.others is None:
            obj.others = {}
        bare = obj.others.get(codec.name)
        if bare is None:
            bare = obj.others[codec.name] = self._encode(resource, obj, codec)
        else:
            self._counters.encode_hits[codec.name] += 1
        return bare

    def message(self, resource: Resource, obj: CachedObject) -> Message:
        """Return a fresh message, resourceVersion set, that the caller may change."""
        message = self._storage.decode_bare(resource.message, obj.bare)
        metadata_of(message).resourceVersion = str(obj.revision)
        return message

    def _stamped(self, resource: Resource, obj: CachedObject) -> bytes:
        if obj.stamp == obj.revision:
            self._counters.encode_hits[self._storage.name] += 1
        elif not obj.stamp:
            obj.bare = self._storage.with_resource_version(obj.bare, str(obj.revision))
            self._counters.stamped += 1
        else:  # a deletion's last state carries the revision of the write before
            obj.bare = self._encode(resource, obj, self._storage)
        obj.stamp = obj.revision
        return obj.bare

    def _encode(self, resource: Resource, obj: CachedObject, codec: Codec) -> bytes:
        self._counters.encodes[codec.name] += 1
        return codec.encode_bare(self.message(resource, obj))
