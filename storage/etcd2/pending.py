"""The requests that wait to be durable, in the order in which they were asked for. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from storage.etcd2.model import Request


class Group:
    """Requests that become durable together, and the answers that wait for that.

    Its size is bounded by the callers: each request has one that waits for its answer.
    """

    __slots__ = ("acks", "asked", "changes", "encoded")

    def __init__(self) -> None:
        self.changes: list[Request] = []
        self.encoded: list[bytes] = []
        """The requests as they stand in the log."""
        self.asked: list[int] = []
        """Of each request, which of ``acks`` is told what it came to; -1: none, for whoever
        ordered it knew that beforehand."""
        self.acks: list[tuple[asyncio.Future[object], object]] = []
        """Each with its outcome."""


class PendingRequests:
    """An open group, and at most one in flight. A request is judged when it is applied."""

    def __init__(self, encode: Callable[[Request], bytes], on_drop: Callable[[], None]) -> None:
        """``encode`` raises Etcd2Error for what cannot stand in the log."""
        self._encode = encode
        self._on_drop = on_drop
        self.open = Group()
        self._in_flight: Group | None = None

    def join(self, request: Request, *, known: bool = False) -> Group:
        """Let a request take its place, and return its group. Raises Etcd2Error.

        Unless its outcome is ``known``, it is told to what is put into the group's ``acks`` next.
        """
        group = self.open
        group.encoded.append(self._encode(request))
        group.changes.append(request)
        group.asked.append(-1 if known else len(group.acks))
        return group

    def seal(self) -> Group:
        """Turn the open group into the one in flight, and return it."""
        assert self._in_flight is None, "one group is in flight at a time"
        self._in_flight, self.open = self.open, Group()
        return self._in_flight

    def finish(self) -> Group:
        """Return the group in flight, which is durable now."""
        group, self._in_flight = self._in_flight, None
        assert group is not None, "nothing is in flight"
        return group

    def drop(self) -> list[Group]:
        """Forget all that is pending, and return it: none of it happens."""
        dropped = [self.open] if self._in_flight is None else [self._in_flight, self.open]
        self._in_flight, self.open = None, Group()
        self._on_drop()
        return dropped
