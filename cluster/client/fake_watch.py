"""The watching half of the fake API: which objects a selection means, and one open watch."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from google.protobuf.message import Message

from cluster.client.interface import INITIAL_EVENTS_END, RawEvent, Selection
from serialization.scheme import Resource, metadata_of
from storage.clock import Clock


class Stored(NamedTuple):
    """One change: an object before (None: created) and after (None: deleted)."""

    revision: int
    resource: Resource
    old: Message | None
    new: Message | None


def matches(obj: Message | None, selection: Selection) -> bool:
    """Whether an object is selected. The fake knows ``=``, ``==`` and ``!=``, joined by commas."""
    if obj is None:
        return False
    meta = metadata_of(obj)
    if selection.namespace and meta.namespace != selection.namespace:
        return False
    return all(
        (meta.labels.get(name, "") == value) is equal
        for name, value, equal in _requirements(selection.labels)
    ) and all(
        (_field(obj, path) == value) is equal
        for path, value, equal in _requirements(selection.fields)
    )


def _requirements(selector: str) -> list[tuple[str, str, bool]]:
    requirements = []
    for term in filter(None, selector.split(",")):
        name, sign, value = term.partition("=")
        if not sign:
            raise ValueError(f"the fake API knows = and != only, not {term!r}")
        equal = not name.endswith("!")
        requirements.append((name.rstrip("!").strip(), value.lstrip("=").strip(), equal))
    return requirements


def _field(obj: Message, path: str) -> str:
    value: object = obj
    for name in path.split("."):
        value = getattr(value, name)
    return str(value)


def bare(obj: Message) -> bytes:
    """Return the bytes by which the fake API gives an object."""
    return obj.SerializeToString(deterministic=True)


class FakeWatch:
    """One open watch: events wait here until the client takes them."""

    def __init__(self, resource: Resource, selection: Selection, clock: Clock) -> None:
        self.resource = resource
        self._selection = selection
        self._clock = clock
        self._events: list[RawEvent] = []
        self._wake: asyncio.Future[None] | None = None
        self._ended = False
        self._error: Exception | None = None

    def see(self, change: Stored) -> None:
        """Turn a change into the event that this selection makes of it, if any."""
        if change.resource is not self.resource:
            return
        was, now = matches(change.old, self._selection), matches(change.new, self._selection)
        if now and change.new is not None:
            self.tell("MODIFIED" if was else "ADDED", bare(change.new))
        elif was and change.old is not None:
            last = type(change.old)()
            last.CopyFrom(change.new or change.old)
            metadata_of(last).resourceVersion = str(change.revision)
            self.tell("DELETED", bare(last))

    def tell(self, event_type: str, data: bytes) -> None:
        """Put an event in line."""
        self._events.append(RawEvent(event_type, data, self._clock.stamp_ns()))
        self._notify()

    def tell_initial_end(self, revision: int) -> None:
        """Put the bookmark in line that ends the initial events."""
        mark = self.resource.message()
        meta = metadata_of(mark)
        meta.resourceVersion = str(revision)
        meta.annotations[INITIAL_EVENTS_END] = "true"
        self.tell("BOOKMARK", bare(mark))

    def end(self, error: Exception | None) -> None:
        """End it, after the events that are in line."""
        self._ended = True
        self._error = error
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def take(self) -> list[RawEvent]:
        """Wait for events, return all that came; an empty list is the end."""
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._ended:
                return []
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        events, self._events = self._events, []
        return events
