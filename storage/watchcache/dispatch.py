"""Who is told of an event: subscriptions looked up by an exact field, or tried one by one.

2000 kubelets watch ``spec.nodeName=<theirs>``: an event of a pod costs a look-up and one delivery,
not 2000 calls of a selector. A subscription is filed under the first indexed field that its
selection pins to one value; without one it is *general* and tried on every event.
"""

from __future__ import annotations

from typing import Final, Protocol

from storage.errors import StoreError
from storage.watchcache.counters import CacheCounters
from storage.watchcache.events import CacheEvent, WatchEvent
from storage.watchcache.objects import CachedObject
from storage.watchcache.selection import Predicate, Selection

SCOPE_FIELDS: Final = ("metadata.name", "metadata.namespace")


class EventSink(Protocol):
    """Where a subscription delivers; called on the loop, in revision order; must not raise."""

    def notify(self, event: WatchEvent) -> None:
        """Take one event."""
        ...

    def ended(self, error: StoreError | None) -> None:
        """Take the end: the cache lost its history (an error) or closes (None)."""
        ...


class _Nobody:
    """The sink of a subscription that is over."""

    def notify(self, event: WatchEvent) -> None:
        """Take nothing."""

    def ended(self, error: StoreError | None) -> None:
        """Take nothing."""


NOBODY: Final = _Nobody()


class Subscription:
    """One sink that is told of what its selection sees; ``cancel`` ends it."""

    __slots__ = ("_home", "filed_wholly", "predicate", "selection", "sink")

    def __init__(self, selection: Selection, predicate: Predicate, sink: EventSink) -> None:
        self.selection = selection
        self.predicate = predicate
        self.sink: EventSink = sink
        self.filed_wholly = False
        """The value that it is filed under is all that it asks for: the look-up is the filter."""
        self._home: dict[Subscription, None] | None = None

    @property
    def live(self) -> bool:
        """False once it has been cancelled."""
        return self._home is not None

    def file_in(self, home: dict[Subscription, None]) -> None:
        """Enter it into the table that it is looked up in."""
        home[self] = None
        self._home = home

    def cancel(self) -> None:
        """Nothing is delivered after this returns. Idempotent."""
        if self._home is not None:
            self._home.pop(self, None)
            self._home = None
            self.sink = NOBODY  # sinks know their subscription: a circle


class _Index:
    """Subscriptions by the value of one field."""

    __slots__ = ("by_value", "field", "position")

    def __init__(self, field: str, position: int) -> None:
        self.field = field
        self.position = position
        self.by_value: dict[str, dict[Subscription, None]] = {}

    def value(self, obj: CachedObject) -> str:
        """Return the field's value in ``obj``."""
        if self.position >= 0:
            return obj.fields[self.position]
        return obj.name if self.field == "metadata.name" else obj.namespace


class Dispatcher:
    """The subscriptions of one resource."""

    def __init__(
        self,
        names: tuple[str, ...],
        indexed: tuple[str, ...],
        counters: CacheCounters,
        *,
        use_index: bool,
    ) -> None:
        self._counters = counters
        self._general: dict[Subscription, None] = {}
        fields = (SCOPE_FIELDS[0], *indexed, SCOPE_FIELDS[1]) if use_index else ()
        self._indexes = tuple(
            _Index(name, names.index(name) if name in names else -1) for name in fields
        )

    def __len__(self) -> int:
        return len(self._general) + sum(
            len(home) for index in self._indexes for home in index.by_value.values()
        )

    def add(self, subscription: Subscription) -> None:
        """File a subscription; it sees the next event."""
        for index in self._indexes:
            value = subscription.selection.exact(index.field)
            if value is not None:
                subscription.filed_wholly = subscription.selection.is_only(index.field, value)
                subscription.file_in(index.by_value.setdefault(value, {}))
                return
        subscription.file_in(self._general)

    def dispatch(self, event: CacheEvent) -> None:
        """Tell every subscription that sees the event. Hot: once for every write."""
        for subscription in tuple(self._general):  # a sink may cancel
            self._offer(subscription, event)
        for index in self._indexes:
            if index.by_value:
                self._dispatch_indexed(index, event)

    def end_all(self, error: StoreError | None) -> None:
        """End every subscription."""
        homes = [self._general] + [h for i in self._indexes for h in i.by_value.values()]
        for subscription in [s for home in homes for s in home]:
            sink = subscription.sink
            subscription.cancel()
            sink.ended(error)

    def _dispatch_indexed(self, index: _Index, event: CacheEvent) -> None:
        new = index.value(event.object) if event.object is not None else None
        old = index.value(event.previous) if event.previous is not None else None
        for value in (new,) if new == old else (old, new):
            if value is None:
                continue
            home = index.by_value.get(value)
            if home is None:
                continue
            if not home:  # its last watcher has gone
                del index.by_value[value]
                continue
            crossed = event.crossing(before=value == old, after=value == new)
            for subscription in tuple(home):
                if subscription.filed_wholly:
                    self._tell(subscription, crossed)
                else:
                    self._offer(subscription, event)

    def _offer(self, subscription: Subscription, event: CacheEvent) -> None:
        self._tell(subscription, event.seen_by(subscription.predicate))

    def _tell(self, subscription: Subscription, seen: WatchEvent | None) -> None:
        if not subscription.live:  # cancelled by a sink that was told before it
            return
        self._counters.filter_calls += 1
        if seen is not None:
            self._counters.events_dispatched += 1
            subscription.sink.notify(seen)
