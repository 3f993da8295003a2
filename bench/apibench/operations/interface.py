"""What an operation is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from bench.apibench.site import Site
from storage.clock import Clock


class Work(Protocol):
    """The requests of one connection. Hot path: the generator must stay cheaper than the server."""

    def next(self, stamp_ns: int) -> bytes | None:
        """Return the next request, due at ``stamp_ns``; None when there is nothing left."""
        ...

    @property
    def take(self) -> Callable[[bytes], None] | None:
        """What is given the pieces of each answer's body; None: nobody looks at them."""
        ...

    def answered(self) -> None:
        """Take note of a whole answer with 2xx."""
        ...

    def written(self) -> dict[str, int]:
        """Return how often each pod was written, by the index that its marks carry."""
        ...


class Repeated:
    """Work that looks at no answer."""

    take: Callable[[bytes], None] | None = None

    def answered(self) -> None:
        """Nothing to note."""

    def written(self) -> dict[str, int]:
        """Nothing that a watcher would tell apart."""
        return {}


class Plan(NamedTuple):
    """How much work there is to be."""

    connections: int
    clock: Clock
    pods: int = 0
    """0: the operation's own choice; below 0: those that are there."""
    nodes: int = 0
    """Above 0: the pods are on as many nodes, one after the other."""


class Operation(Protocol):
    """One sort of request."""

    @property
    def sort(self) -> str:
        """``<verb> <resource>`` as a server's /metrics counts it: ``PUT pods/status``."""
        ...

    @property
    def meaning(self) -> str:
        """What it does, in half a line."""
        ...

    async def prepare(self, site: Site, plan: Plan) -> list[Work]:
        """Make what it needs, return the work of each connection.

        Raises SetUpError, UnreachableError.
        """
        ...
