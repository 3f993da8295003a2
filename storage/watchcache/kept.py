"""Bytes of objects in codecs other than the store's: kept for the next reader, within a bound.

How it works. A clock: what is kept stands in line in the order of its making. When there is too
much, the head of the line is looked at; what was asked for since it was last looked at goes to the
end of the line, the rest is dropped, and encoded again if somebody asks. So a reader that lists
everything once does not leave all of it behind: 60,000 pods are 130 MB of JSON, and as many events
as such a cluster makes in an hour 300.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from storage.watchcache.counters import CacheCounters
from storage.watchcache.objects import CachedObject

OVERHEAD_BYTES: Final = 120
"""What a kept form takes beside its bytes: the headers of bytes and tuple, the place in line."""
CHANCES: Final = 64
"""So many are passed over at once, at most: to look through the whole line would take 10 ms."""


class Kept:
    """The line. A version that has been superseded stays in it until its turn comes."""

    def __init__(self, bytes_max: int, counters: CacheCounters) -> None:
        self._bytes_max = bytes_max
        self._counters = counters
        self._line: deque[CachedObject] = deque()
        self.bytes_held = 0

    def add(self, obj: CachedObject, codec: str, bare: bytes) -> None:
        """Keep an object's form in a codec that it is not kept in yet."""
        obj.others = (*obj.others, codec, bare)
        self._line.append(obj)
        self.bytes_held += len(bare) + OVERHEAD_BYTES
        if self.bytes_held > self._bytes_max:
            self._evict()

    def _evict(self) -> None:
        chances = CHANCES
        line = self._line
        while self.bytes_held > self._bytes_max:
            obj = line.popleft()
            if obj.used and chances:
                chances -= 1
                obj.used = False
                line.append(obj)
                continue
            for form in obj.others[1::2]:  # none: it stood in line for each, and has been here
                self.bytes_held -= len(form) + OVERHEAD_BYTES
                self._counters.evicted += 1
            obj.others = ()
