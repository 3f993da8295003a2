"""The recorder of a process's history: appends fixed-size records to a file.

Hot path: a record costs one ``pack_into`` into a buffer that goes to the file when it is full, in
one write of 64 KiB; the file is the page cache's business, nothing is synced.
``python -m tests.cluster.client.measure_history`` prints what an entry costs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, Self

from cluster.client.history_format import (
    HEADER,
    MAGIC,
    RECORD,
    Fields,
    Kind,
    names_path,
    records_path,
)
from serialization.scheme import Resource
from storage.clock import Clock

BUFFER_RECORDS: Final = 1170
"""64 KiB of them."""
KNOWN_MAX: Final = 200_000
"""How many names are remembered; then all are forgotten, and written again when they come again.
60,000 pods and what belongs to them fit; the keys of Events, each written once or twice, would not
and are not remembered at all (``once``)."""


class HistoryWriter:
    """Writes one process's history. ``with`` closes it; belongs to one event loop."""

    def __init__(self, directory: Path, process: str, clock: Clock) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._records = records_path(directory, process).open("wb", buffering=0)
        self._names = names_path(directory, process).open("wb", buffering=0)
        self._records.write(HEADER.pack(MAGIC, RECORD.size, os.getpid(), clock.stamp_ns()))
        self._buffer = bytearray(BUFFER_RECORDS * RECORD.size)
        self._offset = 0
        self._known: dict[str | bytes | tuple[type, str, str], int] = {}
        self._lines: list[bytes] = []
        self._named = 0
        self._flushed = 0
        self._closed = False
        self.clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def entries(self) -> int:
        """How many records have been written."""
        waiting = 0 if self._closed else self._offset // RECORD.size
        return self._flushed + waiting

    def put(self, record: Fields) -> None:
        """Append a record. After ``close`` it is dropped: what comes then is no part of a run."""
        offset = self._offset
        RECORD.pack_into(self._buffer, offset, *record)
        offset += RECORD.size
        self._offset = offset
        if offset == len(self._buffer):
            self.flush()

    def key(self, resource: Resource, namespace: str, name: str) -> int:
        """Return the number of an object's storage key."""
        known = (resource.message, namespace, name)
        return self._known.get(known) or self._remember(known, resource.key(namespace, name))

    def once(self, resource: Resource, namespace: str, name: str) -> int:
        """Return the number of a key that is not worth remembering."""
        return self._add(resource.key(namespace, name))

    def stored(self, key: bytes) -> int:
        """Return the number of a storage key."""
        return self._known.get(key) or self._remember(key, key)

    def stored_once(self, key: bytes) -> int:
        """Return the number of a storage key that is not worth remembering."""
        return self._add(key)

    def name(self, text: str) -> int:
        """Return the number of a node's name; 0 for the empty one."""
        return (self._known.get(text) or self._remember(text, text.encode())) if text else 0

    def source(self, **facts: str) -> int:
        """Return the number of a new source, which is told from all others by it."""
        return self._add(json.dumps(facts, sort_keys=True).encode())

    def flush(self) -> None:
        """Hand what is buffered to the system: names first."""
        if self._lines:
            self._lines.append(b"")
            self._names.write(b"\n".join(self._lines))
            self._lines.clear()
        if self._offset and not self._closed:
            self._records.write(memoryview(self._buffer)[: self._offset])
            self._flushed += self._offset // RECORD.size
        self._offset = 0

    def close(self) -> None:
        """Write the END record and close the files. Idempotent."""
        if self._closed:
            return
        now_ns = self.clock.stamp_ns()
        entries = self.entries & 0xFFFFFFFF
        self.put((Kind.END, 0, 0, 0, 0, 0, 0, 0, entries, 0, 0, now_ns, now_ns))
        self.flush()
        self._closed = True
        self._records.close()
        self._names.close()

    def _remember(self, known: str | bytes | tuple[type, str, str], name: bytes) -> int:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        number = self._known[known] = self._add(name)
        return number

    def _add(self, name: bytes) -> int:
        if b"\n" in name:
            name = name.replace(b"\n", b"\\n")
        self._lines.append(name)
        self._named += 1
        return self._named
