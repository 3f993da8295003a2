"""What is served: the engine, and the member that it is served as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from storage.clock import Clock
from storage.etcd2.expiry_timer import wall_ns
from storage.etcd2.interface import KeysApi
from storage.serve.etcd3.serving import stable_id

VERSION: Final = "3.4.0"
"""Of the etcd whose answers these are: the last generation that spoke this protocol by default was
3.3, the one whose answers ours are held against is 3.4."""
CLUSTER_VERSION: Final = "3.4.0"
RAFT_TERM: Final = 2
"""Of a member that has always led."""


@dataclass(frozen=True, slots=True)
class Serving:
    """An open engine and its member."""

    store: KeysApi
    clock: Clock
    name: str = "default"
    client_urls: tuple[str, ...] = ()
    """Under which clients reach it, as the member list tells them."""
    cluster_id: int = field(default_factory=lambda: stable_id("cluster", "default"))
    member_id: int = field(default_factory=lambda: stable_id("member", "default"))
    log_index: Callable[[], int] | None = None
    """The index of the last entry of the log that is durable; None: the store's own index."""
    term: int = RAFT_TERM
    """The term of the log."""
    statistics: Callable[[], Mapping[str, int]] | None = None
    """What the store has counted, under etcd's names; None: nothing."""

    def raft_index(self) -> int:
        """Return ``X-Raft-Index``."""
        return self.store.index if self.log_index is None else self.log_index()

    def now_ns(self) -> int:
        """Return the wall time."""
        return wall_ns(self.clock)
