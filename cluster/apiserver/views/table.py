"""Objects as rows of a Table: what kubectl shows. In JSON alone, as Kubernetes has it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Hashable, Sequence
from typing import Final

from google.protobuf.message import Message

from cluster.apiserver.errors import bad_request
from cluster.apiserver.tables.interface import Column, Printer
from cluster.apiserver.tables.registry import CONDITIONS, PLAIN, PRINTERS
from cluster.apiserver.views.frames import error_frame, mark, stream_type
from cluster.apiserver.views.interface import ENCODE_STEP
from cluster.apiserver.views.partial import GROUP, PARTIAL, partial_bare
from cluster.apiserver.views.pieces import Around, Turn, streamed
from serialization.api.meta.v1_pb2 import PartialObjectMetadata, Status
from serialization.codecs.interface import Codec, ListHead, TypeMeta
from storage.clock import Clock
from storage.watchcache.events import EventType, WatchEvent
from storage.watchcache.objects import CachedObject
from storage.watchcache.resource import ResourceCache

INCLUDES: Final = ("", "Metadata", "Object", "None")


class TableView:
    """Tells rows (``View``). It remembers whether a watch's first event has told the columns.

    So no two watches share one; a table is for people, and they are few.
    """

    def __init__(
        self, cache: ResourceCache, codec: Codec, clock: Clock, *, version: str, include: str
    ) -> None:
        if include not in INCLUDES:
            raise bad_request(
                f'Unable to convert to Table as requested: includeObject: Invalid value: "{include}'
                "\": must be 'Metadata', 'Object', 'None', or empty"
            )
        self._cache = cache
        self._codec = codec
        self._clock = clock
        self._include = include
        self._api_version = f"{GROUP}/{version}"
        self._printer: Printer[Message] = PRINTERS.get(cache.resource.message, PLAIN)
        self._conditions = CONDITIONS.get(cache.resource.message)
        self._columns_told = False

    @property
    def key(self) -> Hashable:
        return self

    @property
    def media_type(self) -> bytes:
        return self._codec.media_type.encode()

    @property
    def stream_media_type(self) -> bytes:
        return stream_type(self._codec)

    def document(self, obj: CachedObject) -> bytes:
        head = self._head(ListHead(str(obj.revision)), columns=True)
        return b"%b[%b]}" % (head, self._row_of(obj))

    async def document_list(
        self, head: ListHead, objects: Sequence[CachedObject], turn: Turn
    ) -> AsyncIterator[bytes]:
        """As the contract: a head, rows with commas between, and the end.

        No rows are null for a kind that has no table of its own, else an empty list.
        """
        head_text = self._head(head, columns=True)
        around = Around(head_text + b"[", b",", b"]}")
        if not objects and self._printer is PLAIN:
            around = Around(head_text, b"", b"null}")

        def rows(run: Sequence[CachedObject]) -> bytes:
            return b",".join([self._row_of(obj) for obj in run])

        async for piece in streamed(around, objects, rows, turn, step=ENCODE_STEP):
            yield piece

    def frame(self, event: WatchEvent) -> bytes:
        obj = event.object
        return self._event(event.type, obj.revision, self._row_of(obj))

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        """As the contract: a row of an object that is empty but for its version."""
        resource = self._cache.resource
        message = mark(resource.message(), revision, initial_end=initial_end)
        if self._include == "Object":
            kind, bare = TypeMeta(resource.api_version, resource.kind), message
        else:
            kind = TypeMeta(self._api_version, PARTIAL)
            bare = mark(PartialObjectMetadata(), revision, initial_end=initial_end)
        row = self._row(message, self._codec.encode(kind, bare))
        return self._event(EventType.BOOKMARK, revision, row)

    def error(self, status: Status) -> bytes:
        return error_frame(self._codec, status)

    def _event(self, event_type: EventType, revision: int, row: bytes) -> bytes:
        head = self._head(ListHead(str(revision)), columns=not self._columns_told)
        self._columns_told = True
        return self._codec.frame(event_type, b"%b[%b]}" % (head, row))

    def _head(self, head: ListHead, *, columns: bool) -> bytes:
        """Return a table's document up to its rows."""
        metadata: dict[str, object] = {"resourceVersion": head.resource_version}
        if head.continue_:
            metadata["continue"] = head.continue_
        if head.remaining is not None:
            metadata["remainingItemCount"] = head.remaining
        table = {
            "kind": "Table",
            "apiVersion": self._api_version,
            "metadata": metadata,
            "columnDefinitions": (
                [_definition(column) for column in self._printer.columns] if columns else None
            ),
        }
        return b'%b,"rows":' % _text(table)[:-1]

    def _row_of(self, obj: CachedObject) -> bytes:
        cache, codec = self._cache, self._codec
        if self._include == "None":
            shown = b""
        elif self._include == "Object":
            resource = cache.resource
            kind = TypeMeta(resource.api_version, resource.kind)
            shown = codec.wrap(kind, cache.bare(obj, codec))
        else:
            shown = codec.wrap(
                TypeMeta(self._api_version, PARTIAL), partial_bare(cache, obj, codec)
            )
        return self._row(cache.message(obj), shown)

    def _row(self, message: Message, shown: bytes) -> bytes:
        cells = _text(self._printer.cells(message, self._clock.now()))
        conditions = self._conditions(message) if self._conditions is not None else []
        told = b',"conditions":%b' % _text(conditions) if conditions else b""
        hidden = self._include == "None"
        return b'{"cells":%b%b,"object":%b}' % (cells, told, b"null" if hidden else shown)


def _text(tree: object) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def _definition(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": "",
        "priority": column.priority,
    }
