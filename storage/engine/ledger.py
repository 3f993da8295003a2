"""The ledger: judges writes against the newest pending state and assigns their revisions. Pure.

How it works. A write is judged when it arrives, against the newest state of its key: that of the
*open* group (still gathering), else that of the group *in flight* (being committed), else the
applied one. A write that passes gets the next revision and joins the open group. The verdict names
the group whose durability releases the answer: the open group for a write that passed, the group
that holds the key's pending state for one that did not, none where only applied state was looked
at. ``finish`` applies the group in flight; ``drop`` forgets both groups, and their revisions are
assigned again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from storage.engine.backend import Stored
from storage.engine.key_index import KeyIndex, row_of, shared_row
from storage.errors import ConflictError, KeyExistsError, KeyNotFoundError, StoreError
from storage.records import Change, KeyValue

T = TypeVar("T")

_new: Final = tuple.__new__
"""A named tuple's own constructor is a function of Python's: 0.3 us against 0.1, twice a write."""

RECENT_MAX = 8192
RECENT_BYTES_MAX = 16 << 20
"""What was written last is what is written next: a pod is created, bound and reported within
seconds. To read a value back from LMDB costs 7 us of a write's judgement."""


class RecentStates:
    """The newest applied states of the keys written last; the oldest are forgotten first."""

    __slots__ = ("_bytes", "_states")

    def __init__(self) -> None:
        self._states: dict[bytes, KeyValue] = {}
        self._bytes = 0

    def get(self, key: bytes) -> KeyValue | None:
        """Return a key's newest applied state, if it is among them."""
        return self._states.get(key)

    def take(self, states: dict[bytes, KeyValue | None]) -> None:
        """Note what a group that is applied has left; None: deleted."""
        held, size = self._states, self._bytes
        for key, state in states.items():
            before = held.pop(key, None)
            if before is not None:
                size -= len(before.value)
            if state is not None:
                held[key] = state
                size += len(state.value)
        while len(held) > RECENT_MAX or size > RECENT_BYTES_MAX:
            size -= len(held.pop(next(iter(held))).value)
        self._bytes = size


class Group:
    """Writes that become durable together, and the answers that wait for that.

    Its size is bounded by the callers: each write has one that waits for its answer.
    """

    __slots__ = ("acks", "changes", "deadlines", "states")

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.states: dict[bytes, KeyValue | None] = {}
        """The newest state of each key that the group writes; None: deleted."""
        self.deadlines: dict[int, int] = {}
        """When the values with a TTL of their own end: wall milliseconds by revision."""
        self.acks: list[tuple[asyncio.Future[object], object]] = []
        """Each with its outcome: what it answers, or a StoreError."""


class Verdict(NamedTuple, Generic[T]):
    """How a write was judged: its answer or its error, and which group must be durable first."""

    outcome: T | StoreError
    group: Group | None


class Ledger:
    """The pending state over a key index.

    ``value_of`` reads an applied value and its lease by row; ``ends`` says whether a key whose
    newest state is applied has a TTL of its own.
    """

    def __init__(
        self,
        index: KeyIndex,
        value_of: Callable[[int], Stored],
        ends: Callable[[bytes], bool],
    ) -> None:
        self.index = index
        self.open = Group()
        self.in_flight: Group | None = None
        self._value_of = value_of
        self._ends = ends
        self._recent = RecentStates()
        self.assigned = index.last
        """The newest revision, the pending ones included."""

    def create(
        self, key: bytes, value: bytes, deadline_ms: int = 0, lease: int = 0
    ) -> Verdict[int]:
        """Judge a create."""
        current, group = self.state(key)
        if current is not None:
            return Verdict(KeyExistsError(key, current), group)
        return self._write(key, value, None, deadline_ms, lease)

    def update(
        self, key: bytes, value: bytes, expected: int, deadline_ms: int = 0, lease: int = 0
    ) -> Verdict[int]:
        """Judge an update; one that changes nothing is answered with the present revision.

        What it may change is the value, the lease, and a TTL: one that is given always does.
        """
        current, group = self.state(key)
        if current is None:
            return Verdict(KeyNotFoundError(key), group)
        if current.revision != expected:
            return Verdict(ConflictError(key, expected, current), group)
        if (
            current.value == value
            and current.lease == lease
            and not deadline_ms
            and not (expected in group.deadlines if group is not None else self._ends(key))
        ):
            return Verdict(expected, group)
        return self._write(key, value, current, deadline_ms, lease)

    def delete(self, key: bytes, expected: int | None, last: bytes | None = None) -> Verdict[int]:
        """Judge a delete; with ``last`` it is two changes of one group."""
        current, group = self.state(key)
        if current is None:
            return Verdict(KeyNotFoundError(key), group)
        if expected is not None and current.revision != expected:
            return Verdict(ConflictError(key, expected, current), group)
        if last is not None and last != current.value:
            self._write(key, last, current, 0, 0)
            current = self.open.states[key]
            assert current is not None, "it has just been written"
        self.assigned = revision = self.assigned + 1
        group = self.open
        group.states[key] = None
        group.changes.append(
            _new(Change, (key, None, revision, current.create_revision, current, 0, 0))
        )
        return Verdict(revision, group)

    def join(self, changes: list[Change], states: dict[bytes, KeyValue | None]) -> Group:
        """Let changes that share the next revision join the open group, which is returned."""
        self.assigned += 1
        assert changes[0].revision == self.assigned == changes[-1].revision
        group = self.open
        group.changes += changes
        group.states.update(states)
        return group

    def ends_at(self, group: Group) -> int:
        """Return the revision up to which a pending group reaches."""
        return group.changes[-1].revision

    def pending_leases(self) -> Iterator[tuple[bytes, int]]:
        """Yield (key, lease or 0) of every pending write, in order."""
        for group in (self.in_flight, self.open):
            if group is not None:
                for change in group.changes:
                    yield change.key, change.lease

    def seal(self) -> Group:
        """Turn the open group into the one in flight, and return it."""
        assert self.in_flight is None, "one group is in flight at a time"
        self.in_flight, self.open = self.open, Group()
        return self.in_flight

    def finish(self) -> Group:
        """Apply the group in flight, which is durable now, to the index, and return it."""
        group = self.in_flight
        assert group is not None, "nothing is in flight"
        self.in_flight = None
        changes, put = group.changes, self.index.put
        if changes and changes[-1].revision - changes[0].revision + 1 != len(changes):
            self._put_shared(changes)
        else:
            for key, _, revision, create_revision, _, version, _ in changes:
                put(key, (revision, create_revision, version))
        self._recent.take(group.states)
        return group

    def drop(self) -> list[Group]:
        """Forget all that is pending, and return it; its revisions will be assigned again."""
        dropped = [self.open] if self.in_flight is None else [self.in_flight, self.open]
        self.in_flight, self.open = None, Group()
        self.assigned = self.index.last
        return dropped

    def state(self, key: bytes) -> tuple[KeyValue | None, Group | None]:
        """Return a key's newest state, and the pending group that holds it."""
        group: Group | None = self.open
        if group is not None and key in group.states:
            return group.states[key], group
        group = self.in_flight
        if group is not None and key in group.states:
            return group.states[key], group
        recent = self._recent.get(key)
        if recent is not None:
            return recent, None
        point = self.index.newest(key)
        if point is None or not point[2]:
            return None, None
        value, lease = self._value_of(row_of(point))
        return KeyValue(key, value, point[0], point[1], point[2], lease), None

    def _put_shared(self, changes: Sequence[Change]) -> None:
        """Put the points of a group in which revisions are shared."""
        put = self.index.put
        last = place = 0
        for change in changes:
            revision, created, version = change.revision, change.create_revision, change.version
            if revision != last:
                last, place = revision, 0
                put(change.key, (revision, created, version))
            else:
                place += 1
                put(change.key, (revision, created, version, shared_row(revision, place)))

    def _write(
        self, key: bytes, value: bytes, previous: KeyValue | None, deadline_ms: int, lease: int
    ) -> Verdict[int]:
        self.assigned = revision = self.assigned + 1
        created, version = revision, 1
        if previous is not None:
            created, version = previous.create_revision, previous.version + 1
        group = self.open
        group.states[key] = _new(KeyValue, (key, value, revision, created, version, lease))
        change = _new(Change, (key, value, revision, created, previous, version, lease))
        group.changes.append(change)
        if deadline_ms:
            group.deadlines[revision] = deadline_ms
        return Verdict(revision, group)
