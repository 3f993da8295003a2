"""The contract of a view: one way to tell the objects of one resource in one media type."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from typing import Final, Protocol

from cluster.apiserver.views.pieces import Turn
from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.interface import ListHead
from storage.watchcache.events import WatchEvent
from storage.watchcache.objects import CachedObject

ENCODE_STEP: Final = 4
"""Objects encoded between two looks at the clock: 0.25 ms where each is made from a message."""
CACHED_STEP: Final = 128
"""The same of objects whose bytes are there: 50 us."""


class View(Protocol):
    """Makes documents, lists and watch frames of cached objects. Belongs to one request."""

    @property
    def key(self) -> Hashable:
        """Views of a resource that have equal keys make equal frames: their watchers share."""
        ...

    @property
    def media_type(self) -> bytes:
        """The type of documents and lists."""
        ...

    @property
    def stream_media_type(self) -> bytes:
        """The type of a watch's answer."""
        ...

    def document(self, obj: CachedObject) -> bytes:
        """Return the document of one object."""
        ...

    def document_list(
        self, head: ListHead, objects: Sequence[CachedObject], turn: Turn
    ) -> AsyncIterator[bytes]:
        """Yield a list's document in pieces of about 128 KiB, letting others in between."""
        ...

    def frame(self, event: WatchEvent) -> bytes:
        """Return the frame of an event. Hot: once for each event and group of watchers."""
        ...

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        """Return the frame that says: everything up to ``revision`` has been told."""
        ...

    def error(self, status: Status) -> bytes:
        """Return the frame that ends a stream with a failure."""
        ...
