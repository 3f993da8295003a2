"""A watch that begins further back than its feed remembers, told by whoever replays that to it."""

from __future__ import annotations

from collections.abc import Callable

from storage.errors import StoreError
from storage.interface import Watch, Watcher
from storage.records import Batch, Change
from storage.remote.ring import OutrunError


class LateWatch:
    """A watch that began in the past; once it has joined the feed, ``joined`` is its watch there.

    ``position`` is the revision up to which it has come; its watcher has been told of ``told``.
    """

    __slots__ = ("_outrun", "joined", "live", "position", "prefix", "told", "watcher")

    def __init__(
        self, prefix: bytes, watcher: Watcher, after: int, outrun: Callable[[LateWatch], None]
    ) -> None:
        self.prefix = prefix
        self.watcher = watcher
        self.position = self.told = after
        self.live = True
        self.joined: Watch | None = None
        self._outrun = outrun

    def cancel(self) -> None:
        """End it: nothing is delivered after this returns. Idempotent."""
        self.live = False
        if self.joined is not None:
            self.joined.cancel()

    def deliver(self, batch: Batch) -> None:
        """Take what the feed tells (``storage.interface.Watcher``)."""
        self.position = self.told = batch.revision
        self.watcher.deliver(batch)

    def closed(self, error: StoreError) -> None:
        """Take the end of its watch at the feed: of itself, or of its page in recent history."""
        self.joined = None
        if isinstance(error, OutrunError):
            self._outrun(self)
        else:
            self.end(error)

    def end(self, error: StoreError) -> None:
        """Tell the watcher that it has ended."""
        if self.live:
            self.live = False
            self.watcher.closed(error)

    def take(self, changes: list[Change], upto: int) -> None:
        """Tell the watcher what concerns it."""
        position, prefix = self.position, self.prefix
        own = [c for c in changes if c.revision > position and c.key.startswith(prefix)]
        if upto <= position or not self.live:
            return
        self.position = upto
        if own:
            self.told = upto
            self.watcher.deliver(Batch(upto, tuple(own)))

    def mark(self) -> None:
        """Tell the watcher that it has come so far: of a quiet prefix nothing else would tell."""
        if self.told < self.position:
            self.told = self.position
            self.watcher.deliver(Batch(self.position, ()))
