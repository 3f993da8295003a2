"""What an engine of etcd 2 promises to those who serve it, or put a store on it.

**Order.** A request that changes something (``do``) takes its place in the log at the call. The log
is made durable in groups; then, in one step of the loop, its requests are judged and carried out
one after the other: tree, history, watchers, ``follow``, and last the callers' answers. So reads
and watches speak of what is durable only, and a refusal, too, is answered when all that it was
judged against is durable. If a group cannot be made durable, all its requests fail
(``ReadOnlyError``), and so does everything until a probe has succeeded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, Self

from storage.etcd2.model import Event, Request
from storage.records import StoreStatus


class Listener(Protocol):
    """Where one watch tells. Called on the loop; must neither block nor raise."""

    def tell(self, event: Event) -> None:
        """Take the next event; of a watch that is no stream, the only one."""
        ...

    def cleared(self) -> None:
        """The watch has ended unasked: the store was closed, or recovered."""
        ...


class Watching(Protocol):
    """A running watch."""

    index: int
    """The store's index when it began: ``X-Etcd-Index``."""

    def cancel(self) -> None:
        """End it. Idempotent."""
        ...


Follower = Callable[[Sequence[Event]], None]
"""Told, on the loop, what each durable group changed, in order; refreshes and hidden ones too."""


class KeysApi(Protocol):
    """An open store of etcd 2; it belongs to one event loop, inside ``async with``."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...

    @property
    def index(self) -> int:
        """The index of the last applied change."""
        ...

    @property
    def oldest_index(self) -> int:
        """The index of the oldest event that the history holds; ``index`` + 1 if it is empty."""
        ...

    def do(self, request: Request) -> Awaitable[Event]:
        """Order a request now; answer what it did once that is durable.

        Awaiting raises Etcd2Error, ReadOnlyError, StoreClosedError.
        """
        ...

    def get(self, path: str, *, recursive: bool = False, sort: bool = False) -> Event:
        """Read what is applied. Raises Etcd2Error, StoreClosedError."""
        ...

    def watch(
        self,
        path: str,
        listener: Listener,
        *,
        recursive: bool = False,
        stream: bool = False,
        since: int = 0,
    ) -> Watching:
        """Tell of changes at ``path``, or below it too, from index ``since`` on (0: from now).

        As etcd: if the history holds such an event, it is told within the call, and none after it,
        of a stream neither. Raises Etcd2Error (401: ``since`` is older than the history).
        """
        ...

    def history(self, since: int) -> Sequence[Event]:
        """Return all kept events with an index of at least ``since``. Raises Etcd2Error (401)."""
        ...

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Tell of every group from now on; return what ends that."""
        ...

    def status(self) -> StoreStatus:
        """Return sizes, counters and the alarm: revision and compact_revision are indexes."""
        ...
