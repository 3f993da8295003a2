"""What a way to a store promises to those who load it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

Heard = Callable[[bytes], None]
"""Called with the value of each put that a watch tells of."""


def idle_range(prefix: bytes, number: int) -> bytes:
    """Return the prefix that an idle watch looks at."""
    return b"%sidle-%08d/" % (prefix, number)


class DriverError(Exception):
    """An operation was refused, or there was no answer; the message is one line."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Which store a driver is to open."""

    store: str
    """The name of an engine, or a URL."""
    data_dir: Path
    """Where an engine that is opened in this process keeps its files."""
    connections: int = 0
    """Of this process, over a protocol; 0: one, where calls share it, else as many as there are
    calls under way."""
    polls: bool = False
    """Watches ask for each event anew (long polls), where they may do so or be streams."""
    quorum: bool = False
    """Reads are ordered with the writes, where they need not be."""


class Driver(Protocol):
    """A way to a store. It belongs to one event loop, inside ``async with``.

    Every method raises DriverError. All of them may be called before earlier calls have answered.
    """

    async def __aenter__(self) -> Self:
        """Open or connect."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Close."""
        ...

    def put(self, key: bytes, value: bytes) -> Awaitable[int]:
        """Write a key, whatever it holds; return the revision."""
        ...

    def swap(self, key: bytes, value: bytes, expected: int) -> Awaitable[int]:
        """Write a key that is at a revision (0: that is not there), as Kubernetes does.

        Returns the new revision. A key at another revision is a DriverError.
        """
        ...

    def get(self, key: bytes) -> Awaitable[int]:
        """Read a key; return the revision of its last write, 0 where there is none."""
        ...

    async def watch(self, prefix: bytes, heard: Heard) -> None:
        """Tell of every put under a prefix from now on, until the driver is closed.

        Returns once the watch stands.
        """
        ...

    async def idle(self, prefix: bytes, count: int, streams: int) -> None:
        """Open watches over ranges of their own where nothing happens; return once all stand.

        ``streams`` is over how many streams they are spread, where there are such.
        """
        ...

    async def revision(self) -> int:
        """Return the store's revision."""
        ...

    async def clear(self, prefix: bytes) -> None:
        """Delete every key under a prefix."""
        ...

    def ended(self) -> list[str]:
        """Return why watches have ended that nobody asked to, a line each."""
        ...

    async def counters(self) -> dict[str, float]:
        """Return ``syncs`` and ``writes`` so far, where the store is in this process."""
        ...
