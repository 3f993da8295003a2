"""What one follower of a resource saw, into the process's history: lists, watches, events, caches.

Informers and the measuring process's recording tell it what they have read anyway; nothing is
parsed for the history's sake.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from cluster.client.history import HistoryWriter
from cluster.client.history_format import (
    MASK,
    SEEN_BY_TYPE,
    Flag,
    Kind,
    Seen,
    Verb,
    entry_hash,
    key_hash,
)
from cluster.client.interface import ObjectKey, Selection
from serialization.kinds import EVENTS
from serialization.scheme import Resource

TYPES = {name: seen.value for name, seen in SEEN_BY_TYPE.items()}
EVENT = Kind.EVENT.value
RUNNING, BOUND, DELETING = Flag.RUNNING.value, Flag.BOUND.value, Flag.DELETING.value


class Told(Protocol):
    """What an event tells of an object; an informer's entries do."""

    @property
    def key(self) -> ObjectKey: ...
    @property
    def resource_version(self) -> str: ...
    @property
    def node_name(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def deleting(self) -> bool: ...


class Follower:
    """One source of the history: all that is listed and watched for one cache."""

    def __init__(self, history: HistoryWriter, resource: Resource, selection: Selection) -> None:
        self._history = history
        self._resource = resource
        self._prefix = history.key(resource, selection.namespace, "")
        self._source = history.source(
            watch=resource.prefix().decode(),
            namespace=selection.namespace,
            labels=selection.labels,
            fields=selection.fields,
        )
        self._number = history.once if resource is EVENTS else history.key
        self._stamp = history.clock.stamp_ns
        self._reach = 0
        """The revision up to which the cache has been told everything."""

    def listed(self, asked: str, answered: str, count: int, *, streamed: bool = False) -> None:
        """A list has come, by a LIST or as the initial events of a watch."""
        self._reach = int(answered or 0)
        flags = (Flag.ANY if asked == "0" else 0) | (Flag.STREAMED if streamed else 0)
        revisions = (int(asked or 0), self._reach)
        now_ns = self._stamp()
        ours = (self._source, self._prefix, 0, count)
        record = (Kind.LIST, Verb.LIST, 200, flags, 0, *ours, *revisions, now_ns, now_ns)
        self._history.put(record)

    def opened(self, resource_version: str) -> None:
        """A watch is asked for that goes on after a revision."""
        self._mark(Kind.WATCH_OPEN, int(resource_version or 0), 0)

    def closed(self) -> None:
        """The watch has ended, whatever the reason."""
        self._mark(Kind.WATCH_CLOSE, 0, self._reach)

    def took(self, event_type: str, told: Told, received_ns: int) -> None:
        """An event was taken in. Hot: once for every event of every follower."""
        history = self._history
        number = self._number(self._resource, *told.key)
        flags = node = 0
        if node_name := told.node_name:
            node, flags = history.name(node_name), BOUND
        if told.phase == "Running":
            flags |= RUNNING
        if told.deleting:
            flags |= DELETING
        self._reach = revision = int(told.resource_version)
        seen, end_ns = TYPES[event_type], self._stamp()
        ours = (self._source, number, node, 0, 0)
        history.put((EVENT, seen, 0, flags, 0, *ours, revision, received_ns, end_ns))

    def promised(self, resource_version: str, received_ns: int) -> None:
        """A bookmark was taken in: everything up to it has been told."""
        self._reach = revision = int(resource_version or 0)
        ours = (self._source, self._prefix, 0, 0, 0)
        at = (received_ns, self._stamp())
        self._history.put((Kind.EVENT, Seen.BOOKMARK, 0, 0, 0, *ours, revision, *at))

    def holds(self, entries: Iterable[tuple[ObjectKey, str]], flags: Flag = Flag.NONE) -> None:
        """Write down the digest of the cache, which is at what was last listed or taken in."""
        count = total = 0
        key_of = self._resource.key
        for (namespace, name), resource_version in entries:
            count += 1
            total += entry_hash(key_hash(key_of(namespace, name)), int(resource_version))
        now_ns = self._stamp()
        what = (self._source, self._prefix, 0, count & 0xFFFFFFFF, total & MASK, self._reach)
        self._history.put((Kind.DIGEST, 0, 0, flags, 0, *what, now_ns, now_ns))

    def _mark(self, kind: Kind, asked: int, revision: int) -> None:
        now_ns = self._stamp()
        what = (self._source, self._prefix, 0, 0, asked, revision)
        self._history.put((kind, 0, 0, 0, 0, *what, now_ns, now_ns))
