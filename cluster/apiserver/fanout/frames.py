"""Frames of watch streams, made from cached bytes."""

from __future__ import annotations

from typing import Final

from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.interface import Codec, TypeMeta
from serialization.scheme import Resource, metadata_of
from storage.watchcache.events import EventType, WatchEvent
from storage.watchcache.objects import CachedObject
from storage.watchcache.resource import ResourceCache

INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
STATUS_KIND: Final = TypeMeta("v1", "Status")

FrameMemo = dict[tuple[int, str, str], tuple[CachedObject, bytes]]
"""Frames of one flush by the object's id, type and codec: several groups often see the same event.
The object stands beside its frame so that its id is not used again meanwhile."""


def event_frame(cache: ResourceCache, codec: Codec, event: WatchEvent) -> bytes:
    """Return the frame of an event; the object is encoded at most once per version and codec."""
    resource = cache.resource
    document = codec.wrap(
        TypeMeta(resource.api_version, resource.kind), cache.bare(event.object, codec)
    )
    return codec.frame(event.type, document)


def bookmark_frame(
    resource: Resource, codec: Codec, revision: int, *, initial_end: bool = False
) -> bytes:
    """Return the frame that says: everything up to ``revision`` has been told."""
    message = resource.message()
    metadata = metadata_of(message)
    metadata.resourceVersion = str(revision)
    if initial_end:
        metadata.annotations[INITIAL_EVENTS_END] = "true"
    document = codec.encode(TypeMeta(resource.api_version, resource.kind), message)
    return codec.frame(EventType.BOOKMARK, document)


def error_frame(codec: Codec, status: Status) -> bytes:
    """Return the frame that ends a stream with a failure."""
    return codec.frame(EventType.ERROR, codec.encode(STATUS_KIND, status))
