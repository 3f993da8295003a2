"""The Table document: columns, and a row for each object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from google.protobuf.message import Message

from cluster.apiserver.tables.interface import Column, Printer
from cluster.apiserver.tables.registry import PLAIN, PRINTERS
from serialization.codecs.interface import Codec, ListHead, TypeMeta
from storage.watchcache.objects import CachedObject
from storage.watchcache.resource import ResourceCache


class TableWriter:
    """Writes tables of one resource's cached objects, in JSON."""

    def __init__(self, cache: ResourceCache, kind: TypeMeta, codec: Codec) -> None:
        self._cache = cache
        self._kind = kind
        self._codec = codec

    def document(
        self, head: ListHead, objects: Sequence[CachedObject], include: str, now: datetime
    ) -> bytes:
        """Return the Table of ``objects``; ``include`` is the query's includeObject."""
        printer: Printer[Message] = PRINTERS.get(self._cache.resource.message, PLAIN)
        metadata: dict[str, object] = {"resourceVersion": head.resource_version}
        if head.continue_:
            metadata["continue"] = head.continue_
        if head.remaining is not None:
            metadata["remainingItemCount"] = head.remaining
        table = {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": [_definition(column) for column in printer.columns],
            "rows": [self._row(printer, obj, include, now) for obj in objects],
        }
        return json.dumps(table, ensure_ascii=False).encode()

    def _row(
        self, printer: Printer[Message], obj: CachedObject, include: str, now: datetime
    ) -> dict[str, object]:
        row: dict[str, object] = {"cells": printer.cells(self._cache.message(obj), now)}
        if include == "None":
            return row
        bare = json.loads(self._cache.bare(obj, self._codec))
        if include == "Object":
            row["object"] = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, **bare}
        else:
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": bare["metadata"],
            }
        return row


def _definition(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": "",
        "priority": column.priority,
    }
