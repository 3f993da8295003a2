"""A hash over what is kept, the same in every engine with the same history: etcd's HashKV."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from itertools import islice
from zlib import crc32

from storage.engine.backend import Backend
from storage.engine.key_index import KeyIndex, Point, row_of
from storage.engine.reads import READ_PAGE, Pins
from storage.errors import CompactedError, FutureRevisionError
from storage.mvcc import HashOf

_WRITE = struct.Struct(">IIQQIQ")
"""Lengths of key and value, revision, create revision, version, lease."""


class Hasher:
    """Hashes the state at the compact revision and every write after it, key by key.

    What compaction has promised to forget and has not removed yet is left out, so the hash does not
    tell how far that work has come.
    """

    def __init__(
        self, index: KeyIndex, backend: Backend, pins: Pins, compacted: Callable[[], int]
    ) -> None:
        self._index = index
        self._backend = backend
        self._pins = pins
        self._compacted = compacted

    async def hash(self, revision: int) -> HashOf:
        """Return the hash as of ``revision`` (0: newest), a page of keys in a turn of the loop.

        Raises CompactedError, FutureRevisionError.
        """
        compacted = self._compacted()
        if revision > self._index.last:
            raise FutureRevisionError(revision, self._index.last)
        revision = revision or self._index.last
        if revision < compacted:
            raise CompactedError(revision, compacted)
        self._pins.pin(compacted)
        try:
            return HashOf(await self._over_all_keys(compacted, revision), revision, compacted)
        finally:
            self._pins.release(compacted)

    async def _over_all_keys(self, compacted: int, revision: int) -> int:
        value, low = 0, b""
        while keys := list(islice(self._index.keys_between(low, None), READ_PAGE)):
            value = self._page(keys, compacted, revision, value)
            low = keys[-1] + b"\0"
            await asyncio.sleep(0)
        return value

    def _page(self, keys: list[bytes], compacted: int, revision: int, value: int) -> int:
        found: list[tuple[bytes, Point]] = []
        for key in keys:
            found += [(key, point) for point in self._index.kept(key, compacted, revision)]
        stored = iter(self._backend.values([row_of(point) for _, point in found if point[2]]))
        for key, point in found:
            content, lease = next(stored) if point[2] else (b"", 0)
            head = _WRITE.pack(len(key), len(content), point[0], point[1], point[2], lease)
            value = crc32(content, crc32(key, crc32(head, value)))
        return value
