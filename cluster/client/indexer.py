"""The cache of an informer: bytes beside a small header, filed under namespace and other indexes.

A parsed pod takes 10.8 KB and its bytes 1.2, so what is kept is the bytes as they came and a
slotted header made from one parse when they came; ``message`` parses again (1.8 us for protobuf).
That first parse is lent while the event is told: all sinks may peek at it, the first one that asks
for a message of its own gets it, then it goes.
Label sets are shared among the objects that carry equal ones, as replicas do, in whichever of a
process's informers they are: the replicas of one controller are spread over many hollow nodes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from google.protobuf.message import Message

from cluster.client.interface import CachedObject, ObjectKey, OwnerRef
from serialization.api.core.v1_pb2 import Pod
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.scheme import metadata_of

M = TypeVar("M", bound=Message)
M_co = TypeVar("M_co", bound=Message, covariant=True)

SETS_MAX: Final = 16_384
"""How many different sets of labels, and of owners, are shared before the sharing starts afresh: a
load of 60,000 pods has 6,560 controllers. A set of owners is known by the bytes of its references:
to write them takes no longer than it took to look for the controller (0.47 us)."""


class Owners(NamedTuple):
    """What an object's ownerReferences say."""

    references: tuple[OwnerRef, ...]
    controller_uid: str


NO_OWNERS: Final = Owners((), "")


class Entry(Generic[M_co]):
    """One version of an object (``interface.CachedObject``); what it says never changes."""

    __slots__ = (
        "_bare",
        "_fresh",
        "_parse",
        "deleting",
        "key",
        "labels",
        "node_name",
        "owner_uid",
        "owners",
        "phase",
        "received_ns",
        "resource_version",
        "uid",
    )

    def __init__(
        self,
        message: M_co,
        labels: dict[str, str],
        owners: Owners,
        bare: bytes,
        received_ns: int,
        parse: Callable[[bytes], M_co],
    ) -> None:
        meta = metadata_of(message)
        self.key = ObjectKey(sys.intern(meta.namespace), meta.name)
        self.uid = meta.uid
        self.resource_version = meta.resourceVersion
        self.labels = labels
        self.owners, self.owner_uid = owners
        self.node_name = self.phase = ""
        if isinstance(message, Pod):
            self.node_name = sys.intern(message.spec.nodeName)
            self.phase = sys.intern(message.status.phase)
        self.deleting = meta.HasField("deletionTimestamp")
        self.received_ns = received_ns
        self._bare = bare
        self._fresh: M_co | None = message
        self._parse = parse

    def __repr__(self) -> str:
        return f"<Entry {self.key} at {self.resource_version}>"

    @property
    def bare(self) -> bytes:
        """The object's bytes, in the client's codec."""
        return self._bare

    def peek(self) -> M_co:
        fresh = self._fresh
        return self._parse(self._bare) if fresh is None else fresh

    def message(self) -> M_co:
        fresh, self._fresh = self._fresh, None
        return self._parse(self._bare) if fresh is None else fresh

    def settle(self) -> None:
        """Drop the first parse; to be called once the event has been told."""
        self._fresh = None


class SharedSets:
    """Sets of labels and of owners that many entries have, each kept once."""

    def __init__(self) -> None:
        self._labels: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        self._owners: dict[bytes | tuple[bytes, ...], Owners] = {}

    def labels(self, labels: dict[str, str]) -> dict[str, str]:
        """Return the one dict that says this."""
        if len(self._labels) > SETS_MAX:
            self._labels.clear()
        return self._labels.setdefault(tuple(labels.items()), labels)

    def owners(self, meta: ObjectMeta) -> Owners:
        """Return the one tuple that says what these metadata say of owners."""
        references = meta.ownerReferences
        known: bytes | tuple[bytes, ...] = references[0].SerializeToString()
        if len(references) > 1:
            known = tuple(each.SerializeToString() for each in references)
        owners = self._owners.get(known)
        if owners is None:
            if len(self._owners) > SETS_MAX:
                self._owners.clear()
            owners = self._owners[known] = _owners_of(meta)
        return owners


class EntryMaker(Generic[M]):
    """Makes the entries of one informer, with one parse each."""

    def __init__(self, parse: Callable[[bytes], M], sets: SharedSets | None = None) -> None:
        self._parse = parse
        self._sets = sets or SharedSets()

    def entry(self, bare: bytes, received_ns: int) -> Entry[M]:
        """Return the entry of a bare object. Raises DecodeError."""
        message = self._parse(bare)
        meta = metadata_of(message)
        labels = self._sets.labels(dict(meta.labels))
        owners = self._sets.owners(meta) if meta.ownerReferences else NO_OWNERS
        return Entry(message, labels, owners, bare, received_ns, self._parse)

    def resource_version(self, bare: bytes) -> str:
        """Return the resourceVersion of a bare object (a bookmark has nothing else)."""
        return metadata_of(self._parse(bare)).resourceVersion


def references_of(meta: ObjectMeta) -> tuple[OwnerRef, ...]:
    """Return the owners that metadata tell."""
    return tuple(
        OwnerRef(
            each.apiVersion,
            each.kind,
            each.name,
            each.uid,
            each.controller,
            each.blockOwnerDeletion,
        )
        for each in meta.ownerReferences
    )


def _owners_of(meta: ObjectMeta) -> Owners:
    references = references_of(meta)
    controllers = [each.uid for each in references if each.controller]
    return Owners(references, controllers[-1] if controllers else "")


IndexValues = Callable[[CachedObject[M]], Iterable[str]]
"""Pure: it is called again when the entry changes or goes."""


class Index(Generic[M]):
    """Entries filed under the values that a function gives them; empty values take no room."""

    def __init__(self, values: IndexValues[M]) -> None:
        self.values = values
        self._filed: dict[str, dict[ObjectKey, Entry[M]]] = {}

    def put(self, entry: Entry[M]) -> None:
        """File an entry that is not there yet."""
        self._file(entry, tuple(self.values(entry)))

    def refile(self, old: Entry[M], new: Entry[M]) -> None:
        """Put an entry in the place of its older version."""
        before, after = tuple(self.values(old)), tuple(self.values(new))
        if before != after:
            self._unfile(old, before)
        self._file(new, after)

    def drop(self, entry: Entry[M]) -> None:
        """Take an entry out; the function gives the same values as when it was put."""
        self._unfile(entry, tuple(self.values(entry)))

    def under(self, value: str) -> list[CachedObject[M]]:
        """Return what is filed under a value, in the order in which it was put."""
        filed = self._filed.get(value)
        return [*filed.values()] if filed else []

    def _file(self, entry: Entry[M], values: tuple[str, ...]) -> None:
        for value in values:
            filed = self._filed.get(value)
            if filed is None:
                filed = self._filed[value] = {}
            filed[entry.key] = entry

    def _unfile(self, entry: Entry[M], values: tuple[str, ...]) -> None:
        for value in values:
            filed = self._filed.get(value)
            if filed is not None:
                filed.pop(entry.key, None)
                if not filed:
                    del self._filed[value]


class Indexer(Generic[M]):
    """The entries of one informer (``interface.Lister``). Reads are snapshots."""

    def __init__(self) -> None:
        self._entries: dict[ObjectKey, Entry[M]] = {}
        self._namespaces: dict[str, dict[ObjectKey, Entry[M]]] = {}
        self._indexes: dict[str, Index[M]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: ObjectKey) -> Entry[M] | None:
        return self._entries.get(key)

    def list(self, namespace: str = "") -> list[CachedObject[M]]:
        if namespace:
            return [*self._namespaces.get(namespace, {}).values()]
        return [*self._entries.values()]

    def by_index(self, index: str, value: str) -> Iterable[CachedObject[M]]:
        return self._indexes[index].under(value)

    def keys(self) -> set[ObjectKey]:
        """Return the keys of all entries."""
        return set(self._entries)

    def add_index(self, name: str, values: IndexValues[M]) -> None:
        """File every entry, present and future, under ``values(entry)``.

        Those who want the same share it: the same function under the same name is one index.
        Raises ValueError when the name stands for another function.
        """
        if (known := self._indexes.get(name)) is not None:
            if known.values == values:
                return
            raise ValueError(f"there is an index {name!r} already")
        index = self._indexes[name] = Index(values)
        for entry in self._entries.values():
            index.put(entry)

    def put(self, entry: Entry[M]) -> Entry[M] | None:
        """Keep an entry; return the one that it replaces."""
        key = entry.key
        old = self._entries.get(key)
        self._entries[key] = entry
        namespace = self._namespaces.get(key.namespace)
        if namespace is None:
            namespace = self._namespaces[key.namespace] = {}
        namespace[key] = entry
        for index in self._indexes.values():
            if old is None:
                index.put(entry)
            else:
                index.refile(old, entry)
        return old

    def remove(self, key: ObjectKey) -> Entry[M] | None:
        """Forget an entry; return it."""
        old = self._entries.pop(key, None)
        if old is not None:
            namespace = self._namespaces[key.namespace]
            del namespace[key]
            if not namespace:
                del self._namespaces[key.namespace]
            for index in self._indexes.values():
                index.drop(old)
        return old
