"""What both generations can be asked for, in words that neither owns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, Self

Value = str | bytes
Heard = Callable[[int, Value], None]
"""Told of each put that a watch hears: at which index or revision, and the value."""


class ClientError(Exception):
    """The server refused, or is not there; the message is one line."""


class OutOfWindowError(ClientError):
    """A watch asked for events that are not kept any more (etcd 2: 401; etcd 3: compacted)."""


class Traffic(NamedTuple):
    """Bytes on all connections of a client, as the kernel counted them."""

    sent: int
    received: int

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(self.sent - earlier.sent, self.received - earlier.received)


class Client(Protocol):
    """A client of one server. It belongs to one event loop, inside ``async with``.

    Keys are paths (``/registry/pods/a``). Every method raises ClientError.
    """

    async def __aenter__(self) -> Self:
        """Connect."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Close every connection."""
        ...

    def put(self, key: str, value: bytes) -> Awaitable[int]:
        """Write a key, whatever it holds; return the index or revision."""
        ...

    def get(self, key: str) -> Awaitable[int]:
        """Read a key as the Kubernetes of its time did; return its last write, 0: there is none."""
        ...

    def read(self, key: str) -> Awaitable[int]:
        """Read a key behind every write that was answered before; return as ``get``."""
        ...

    def everything(self, directory: str) -> Awaitable[list[bytes]]:
        """Read everything below a directory, as the Kubernetes of its time did.

        Returns the answer as it came, in pieces: reading it would stall what is measured.
        """
        ...

    def count(self, answer: list[bytes]) -> int:
        """Return how many objects an answer of ``everything`` holds."""
        ...

    async def watch(self, directory: str, heard: Heard) -> None:
        """Hear of all puts below a directory from now on, while open.

        Returns once the watch stands.
        """
        ...

    async def recall(self, directory: str, since: int) -> None:
        """Return once a watch below a directory was told the put at ``since``, which is past.

        Raises OutOfWindowError.
        """
        ...

    def pause(self) -> None:
        """Read nothing that watches send until ``resume``: a client that hangs."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...

    @property
    def ended(self) -> str:
        """Say why a watch has ended unasked; empty: none has."""
        ...

    async def watches(self, directories: Sequence[str], heard: Heard) -> None:
        """Open a watch for each directory, as cheaply for the server as its protocol allows."""
        ...

    async def hold(self, keys: Sequence[str], value: bytes, ttl_s: int, *, apart: bool) -> None:
        """Write keys that end after ``ttl_s`` unless ``refresh`` is called.

        ``apart``: each key can be kept alive without the others.
        """
        ...

    async def refresh(self) -> int:
        """Keep all held keys alive for another ``ttl_s``; return how many requests it took."""
        ...

    async def left_s(self) -> float:
        """Return how much of its time to live the first held key has left, to the second."""
        ...

    async def release(self) -> None:
        """Let go of what is held: nothing of it ends later, while something else is measured."""
        ...

    async def index(self) -> int:
        """Return the store's index or revision."""
        ...

    def traffic(self) -> Traffic:
        """Return what all connections have carried so far."""
        ...
