"""How the watch cache is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from google.protobuf.message import Message

from serialization.scheme import Resource
from storage.watchcache.objects import CachedObject

HISTORY_BYTES: Final = 64 * 1024 * 1024
KEPT_BYTES: Final = 192 * 1024 * 1024


class ChangeObserver(Protocol):
    """Is told every change that is taken in, before any watcher; must neither block nor raise."""

    def observe(
        self,
        resource: Resource,
        revision: int,
        after: CachedObject | None,
        before: CachedObject | None,
    ) -> None:
        """Take the state after a change (None: deleted) and before it (None: created)."""
        ...

    def missed(self, resource: Resource, after: int, upto: int) -> None:
        """Take note that changes above ``after`` and up to ``upto`` were not to be had."""
        ...


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """The switches and bounds of a WatchCache."""

    history_events: int = 10_000
    """Events kept per resource. A node's status every 10 s from 2000 nodes fills it in 50 s; an
    old version is about 2 KB, so a full history holds about 20 MB."""
    history_bytes: int = HISTORY_BYTES
    """Bytes of them kept per resource, as stored: it takes versions above 6 KB to reach it."""
    recalled_revisions: int = 100_000
    """How far back an API server that starts reads the history of its store, so that watches from
    before the restart resume: half a second for 50,000 of pods. 0: not at all."""
    recalled_shared: int = 10_000
    """The same where others write to the store, too: a real etcd tells its past at 10,000 revisions
    a second (a piece every 100 ms), so that 100,000 would take ten seconds."""
    watch_index: bool = True
    """Look watchers up by name, node or namespace; off: try each event on every watcher."""
    encode_once: bool = True
    """Keep encoded bytes; off: encode for every watcher and list."""
    kept_bytes: int = KEPT_BYTES
    """Bytes kept of all resources together in codecs other than the store's: as JSON, 60,000 pods
    and a half more. What is dropped is encoded again when it is asked for."""
    late: frozenset[type[Message]] = frozenset()
    """Message classes of the resources that are opened behind the others, while those are read
    already: events, of which there are more than of all else, and which nobody waits for."""
    wait_s: float = 3.0
    """How long a read waits for a revision that has not come yet."""
    observer: ChangeObserver | None = None
