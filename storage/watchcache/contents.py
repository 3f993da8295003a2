"""What the cache of one resource holds: its objects at the newest version, and their history."""

from __future__ import annotations

from collections.abc import Sequence

from storage.records import Change
from storage.watchcache.events import CacheEvent, EventRing
from storage.watchcache.fields import FieldSet
from storage.watchcache.objects import CachedObject
from storage.watchcache.ordered import OrderedObjects
from storage.watchcache.selection import Selection


class Contents:
    """Objects, their indexes and the ring of their changes. Pure: it is told what happens."""

    __slots__ = ("_by_field", "_tables", "bytes_held", "objects", "ring", "unread")

    def __init__(self, fields: FieldSet, ring: EventRing) -> None:
        self.objects = OrderedObjects()
        self.ring = ring
        self.unread: dict[bytes, CachedObject] = {}
        """What stood, when it could last be read, where a value stands now that cannot be."""
        self.bytes_held = 0
        """Sum of the sizes of the objects as they were stored, without their types."""
        self._by_field: dict[str, dict[str, dict[bytes, CachedObject]]] = {
            name: {} for name in fields.indexed
        }
        self._tables = tuple(
            (fields.names.index(name), table) for name, table in self._by_field.items()
        )
        """The same tables, with the place of their field among an object's."""

    def apply(self, change: Change, obj: CachedObject | None) -> CacheEvent | None:
        """Take a change and the object that it left; return the event, None where there is none.

        ``obj`` is None for a deletion, and for a value that nobody can read. That is no event: who
        took it for a deletion would remove what belongs to the object.
        """
        key = change.key
        previous = self._drop(key) if obj is None else self.put(obj)
        if obj is None and change.value is not None:
            if previous is not None:
                self.unread[key] = previous
            return None
        if self.unread and previous is None:
            previous = self.unread.pop(key, None)
        if obj is None and previous is None:
            return None
        event = CacheEvent(change.revision, obj, previous)
        self.ring.append(event)
        return event

    def load(self, objects: Sequence[CachedObject]) -> None:
        """Add objects in key order, whose keys come after all that are here."""
        self.objects.load(objects)
        self.bytes_held += sum(obj.size for obj in objects)
        for position, table in self._tables:
            for obj in objects:
                table.setdefault(obj.fields[position], {})[obj.key] = obj

    def put(self, obj: CachedObject) -> CachedObject | None:
        """Add or replace an object; return the one that it replaced."""
        previous = self.objects.put(obj)
        self.bytes_held += obj.size if previous is None else obj.size - previous.size
        for position, table in self._tables:
            value = obj.fields[position]
            if previous is not None and previous.fields[position] != value:
                _unfile(table, previous.fields[position], obj.key)
            table.setdefault(value, {})[obj.key] = obj
        return previous

    def looked_up(self, selection: Selection) -> list[CachedObject] | None:
        """Return the few objects that an exact field can be about, in key order; None: not few."""
        for field, table in self._by_field.items():
            value = selection.exact(field)
            if value:  # the empty value, unscheduled pods, may be anything but few
                return [obj for _key, obj in sorted(table.get(value, {}).items())]
        return None

    def _drop(self, key: bytes) -> CachedObject | None:
        previous = self.objects.remove(key)
        if previous is None:
            return None
        self.bytes_held -= previous.size
        for position, table in self._tables:
            _unfile(table, previous.fields[position], key)
        return previous


def _unfile(table: dict[str, dict[bytes, CachedObject]], value: str, key: bytes) -> None:
    entries = table[value]
    del entries[key]
    if not entries:
        del table[value]
