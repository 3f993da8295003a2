"""The watches: who is told of which change. Etcd's rules, to the letter.

A watch hangs at its path, whether something stands there or not. A change is told to the watches
at its own path and, of those at the directories above it, to the recursive ones, unless a part of
the path below the watch begins with ``_``. The removal of a directory is told to every watch at
what was removed with it, recursive or not, as the event of the directory. A watch that is no stream
ends when it has been told; a stream that stands right at what is removed is told twice, since etcd
looks there twice.
"""

from __future__ import annotations

from typing import NamedTuple

from storage.etcd2.history import History
from storage.etcd2.interface import Listener
from storage.etcd2.model import Event


class Asked(NamedTuple):
    """What a watch was asked for."""

    path: str
    listener: Listener
    since: int
    """The first index that it wants to be told of."""
    recursive: bool
    stream: bool


class HubWatching:
    """A watch; one that the history could answer has ended before it is returned."""

    __slots__ = ("_hub", "index", "listener", "path", "recursive", "since", "stream")

    def __init__(self, hub: WatcherHub, asked: Asked, index: int) -> None:
        self._hub = hub
        self.path, self.listener, self.since, self.recursive, self.stream = asked
        self.index = index

    def cancel(self) -> None:
        """End it. Idempotent."""
        self._hub.remove(self)


class WatcherHub:
    """All watches over a history."""

    __slots__ = ("_at", "_history", "count")

    def __init__(self, history: History) -> None:
        self._history = history
        self._at: dict[str, dict[HubWatching, None]] = {}
        self.count = 0
        """How many watches wait."""

    def watch(self, asked: Asked, index: int) -> HubWatching:
        """Begin a watch at the store's ``index``; what the history holds is told within the call.

        Raises Etcd2Error (401).
        """
        path, listener, since, recursive, _ = asked
        watching = HubWatching(self, asked, index)
        found = self._history.scan(path, since, recursive=recursive)
        if found is not None:
            listener.tell(found._replace(etcd_index=index))
            return watching
        self._at.setdefault(path, {})[watching] = None
        self.count += 1
        return watching

    def remove(self, watching: HubWatching) -> None:
        """Forget a watch. Idempotent."""
        here = self._at.get(watching.path)
        if here is not None and watching in here:
            del here[watching]
            self.count -= 1
            if not here:
                del self._at[watching.path]

    def tell(self, event: Event, above: tuple[str, ...]) -> None:
        """Tell of a change; ``above`` are the directories over it, from the root down."""
        at = self._at
        if not at:
            return
        for path in above:
            if path in at:
                self.tell_at(path, event, removed=False)
        path = event.node.key
        if path in at:
            self.tell_at(path, event, removed=False)

    def tell_at(self, path: str, event: Event, *, removed: bool) -> None:
        """Tell the watches at one path; ``removed``: what stood there has been removed."""
        here = self._at.get(path)
        if here is None:
            return
        key = event.node.key
        same = key == path
        if not same and _hidden(path, key):
            return
        index = event.node.modified
        for watching in tuple(here):
            if watching not in here:  # a listener may end other watches
                continue
            if (watching.recursive or same or removed) and index >= watching.since:
                if not watching.stream:
                    self.remove(watching)
                watching.listener.tell(event)

    def clear(self) -> None:
        """End all watches: the store was closed, or recovered."""
        ended = [watching for here in self._at.values() for watching in here]
        self._at.clear()
        self.count = 0
        for watching in ended:
            watching.listener.cleared()


def _hidden(watched: str, path: str) -> bool:
    """Return whether a part of ``path`` below ``watched`` is hidden."""
    if len(watched) > len(path):  # the watch stands below a directory that was removed
        return False
    return "/_" in (path[len(watched) :] if len(watched) > 1 else path)
