"""The history: the newest 1000 events of the whole store, whichever keys they were about."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.model import HISTORY_EVENTS, Event

_REMOVALS: Final = ("delete", "expire")
"""compareAndDelete is not among them: etcd's own condition, and it removes no directory."""


class History:
    """Events in the order of their indexes, which have no gaps; the oldest are forgotten first."""

    __slots__ = ("_events", "last")

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events = deque(events, HISTORY_EVENTS)
        self.last = self._events[-1].node.modified if self._events else 0
        """The index of the newest event; 0: none."""

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    @property
    def first(self) -> int:
        """The index of the oldest event that is kept; 0: none."""
        return self._events[0].node.modified if self._events else 0

    def add(self, event: Event) -> None:
        """Take the next event."""
        self._events.append(event)
        self.last = event.node.modified

    def since(self, index: int) -> Sequence[Event]:
        """Return all kept events from ``index`` on. Raises Etcd2Error (401)."""
        first = self.first
        if index < first:
            cause = f"the requested history has been cleared [{first}/{index}]"
            raise Etcd2Error(Code.EVENT_INDEX_CLEARED, cause)
        if index > self.last:
            return ()
        return tuple(islice(self._events, index - first, None))

    def scan(self, path: str, index: int, *, recursive: bool) -> Event | None:
        """Return the first event from ``index`` on that a watch of ``path`` would be told of.

        Etcd's rules, its own oddities included: hidden nodes are not left out, and the end of a
        directory is the business of every path that begins with its name (``/ab`` of ``/a``).
        Raises Etcd2Error (401).
        """
        if index > self.last:
            return None
        inside = path if path[-1] == "/" else path + "/"
        for event in self.since(index):
            if event.refresh:
                continue
            key = event.node.key
            if key == path or (recursive and key.startswith(inside)):
                return event
            before = event.previous
            if before is None or not before.dir or event.action not in _REMOVALS:
                continue
            if path.startswith(before.key):
                return event
        return None
