"""Every store that can be named by ``--store``: one line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from storage.clock import Clock, SystemClock
from storage.engine.committer import InlineCommitter, ThreadCommitter
from storage.engine.staging import Staging
from storage.engine.store import EngineStore, Parts
from storage.errors import StoreOpenError
from storage.etcd2.opening import etcd2_engine
from storage.etcd2.store import CAPABILITIES as IN_PROCESS_ETCD2
from storage.etcd2.store import Etcd2Store
from storage.etcd3.backend import Etcd3Backend
from storage.interface import Capabilities, Store
from storage.memory.backend import MemoryBackend
from storage.remote.url import ETCD2, RemoteUrl, is_remote, parse_url


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What a store is told when it is made; each takes what concerns it."""

    data_dir: Path | None = None
    """Where a durable store lives; it is made if it is missing, and belongs to one process."""
    clock: Clock = field(default_factory=SystemClock)
    sync: bool = True
    """False: commits are not flushed to the disk. For measuring what the flush costs."""
    inline_commits: bool = False
    """Commit on the loop, not in a thread: for tests and virtual time."""


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """A store: how it is made, and what it declares."""

    name: str
    make: Callable[[StoreOptions], Store]
    capabilities: Capabilities


MEMORY: Final = Capabilities(
    durable=False,
    old_revisions=True,
    history_events=20_000,
    history_bytes=64 << 20,
    binary_values=True,
    leases=True,
    lease_objects=True,
    shared_revisions=False,
)


def _memory(options: StoreOptions) -> Store:
    committer = InlineCommitter(options.clock)
    return EngineStore(Parts(MemoryBackend(), committer, options.clock, MEMORY))


ETCD3: Final = MEMORY._replace(durable=True, history_events=None, history_bytes=None)


def _etcd3(options: StoreOptions) -> Store:
    if options.data_dir is None:
        raise StoreOpenError("the etcd3 store needs a data directory")
    staging = Staging()
    backend = Etcd3Backend(options.data_dir, sync=options.sync, staging=staging)
    committer = (
        InlineCommitter(options.clock)
        if options.inline_commits
        else ThreadCommitter(options.clock, staging)
    )
    return EngineStore(Parts(backend, committer, options.clock, ETCD3))


def _etcd2(options: StoreOptions) -> Store:
    if options.data_dir is None:
        raise StoreOpenError("the etcd2 store needs a data directory")
    engine = etcd2_engine(
        options.data_dir,
        clock=options.clock,
        sync=options.sync,
        inline_commits=options.inline_commits,
    )
    return Etcd2Store(engine, options.clock)


STORES: Final[dict[str, StoreEntry]] = {
    entry.name: entry
    for entry in (
        StoreEntry("memory", _memory, MEMORY),
        StoreEntry("etcd3", _etcd3, ETCD3),
        StoreEntry("etcd2", _etcd2, IN_PROCESS_ETCD2),
    )
}


def store_entry(name_or_url: str) -> StoreEntry:
    """Return the store that ``--store`` names: one of ``STORES``, or one that is elsewhere.

    An entry of the latter kind is named by its address without the password; what speaks its
    protocol is imported only then. Raises StoreOpenError, whose message fits on a line.
    """
    if not is_remote(name_or_url):
        try:
            return STORES[name_or_url]
        except KeyError:
            known = ", ".join(STORES)
            raise StoreOpenError(
                f"unknown store {name_or_url}; known are {known}, "
                "etcd3://host:port,…, etcd2://host:port,…"
            ) from None
    url = parse_url(name_or_url)
    if url.kind == ETCD2:
        return _remote_etcd2(url)
    from storage.remote.etcd3.store import RemoteStore, capabilities_of  # noqa: PLC0415  slow

    return StoreEntry(
        url.redacted, lambda options: RemoteStore(url, options.clock), capabilities_of(url)
    )


def _remote_etcd2(url: RemoteUrl) -> StoreEntry:
    from storage.remote.etcd2.store import REMOTE_ETCD2, RemoteStore  # noqa: PLC0415  slow

    return StoreEntry(url.redacted, lambda _: RemoteStore(url), REMOTE_ETCD2)
