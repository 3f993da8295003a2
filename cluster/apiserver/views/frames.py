"""Frames of watch streams that are about no change."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.interface import Codec, TypeMeta
from serialization.scheme import metadata_of
from storage.watchcache.events import EventType

INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
STATUS_KIND: Final = TypeMeta("v1", "Status")
JSON: Final = "application/json"


def mark(message: Message, revision: int, *, initial_end: bool) -> Message:
    """Make a message the object of a bookmark."""
    metadata = metadata_of(message)
    metadata.resourceVersion = str(revision)
    if initial_end:
        metadata.annotations[INITIAL_EVENTS_END] = "true"
    return message


def bookmark_frame(
    codec: Codec, kind: TypeMeta, message: Message, revision: int, *, initial_end: bool = False
) -> bytes:
    """Return the frame that says: everything up to ``revision`` has been told."""
    document = codec.encode(kind, mark(message, revision, initial_end=initial_end))
    return codec.frame(EventType.BOOKMARK, document)


def error_frame(codec: Codec, status: Status) -> bytes:
    """Return the frame that ends a stream with a failure."""
    return codec.frame(EventType.ERROR, codec.encode(STATUS_KIND, status))


def stream_type(codec: Codec) -> bytes:
    """Return the type of a watch's answer: Kubernetes names no ``stream=watch`` in JSON's."""
    if codec.media_type == JSON:
        return codec.media_type.encode()
    return codec.stream_media_type.encode()
