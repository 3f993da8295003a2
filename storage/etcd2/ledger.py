"""The ledger: judges a store's writes at the call, against the newest pending state. Pure.

How it works. A request of etcd 2 is judged when it is carried out, which is after its group is
durable. A store judges at the call; so the ledger knows what each key will be when all that is
ordered has been carried out: the pending state of the keys that are written, over the tree. It
orders only requests that are certain to succeed, each with a comparison that says what it was
judged by, and foretells their indexes: each takes the next one. ``applied`` checks that they came
to what was foretold; ``dropped`` forgets what will not happen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from storage.errors import (
    ConflictError,
    KeyExistsError,
    KeyNotFoundError,
    StoreError,
    UnsupportedError,
)
from storage.etcd2.changes import state_of
from storage.etcd2.errors import Etcd2Error
from storage.etcd2.keys import key_of, path_of, text_of
from storage.etcd2.model import Event, Method, Request
from storage.etcd2.pending import Group
from storage.etcd2.tree import Tree
from storage.records import KeyValue

_new: Final = tuple.__new__
"""A named tuple's own constructor is a function of Python's: three times as slow."""

Verdict = tuple[int | StoreError, Group | None]
"""How a write was judged, and which group must be durable before that is told; None: none."""


class Pending(NamedTuple):
    """The newest state of a key."""

    state: KeyValue | None
    """None: it does not exist."""
    mortal: bool
    """Whether it has a TTL."""
    revision: int
    """The index of the request that leads to it."""
    group: Group | None
    """The group of that request; None: it has been applied."""


_PUT: Final = Method.PUT

_NONE: Final[list[str]] = []

_NOTHING: Final = Pending(state=None, mortal=False, revision=0, group=None)


class Ledger:
    """The pending state over a tree."""

    def __init__(self, tree: Tree, place: Callable[[Request], Group]) -> None:
        """``place`` orders a request; it may raise Etcd2Error, and has ordered nothing then."""
        self._tree = tree
        self._place = place
        self._assigned = tree.index
        """The newest index, those foretold included."""
        self._pending: dict[str, Pending] = {}
        self._foretold: deque[tuple[int, str]] = deque()
        self._made: dict[str, Group] = {}
        """The directories that pending requests make."""

    def create(self, key: bytes, value: bytes, expires_ns: int) -> Verdict:
        """Judge a create. Raises UnsupportedError."""
        path, text = path_of(key), text_of(key, value)
        current = self._newest(key, path)
        if current.state is not None:
            return KeyExistsError(key, current.state), current.group
        directories, above = self._tree.directories, _NONE
        if path[: path.rfind("/")] not in directories:
            above, leaf, group = self._missing_above(path)
            if leaf:
                reason = f"the key {leaf.decode()} stands above it"
                return _unsupported(key, reason), group
        if path in directories or path in self._made:
            reason = "other keys stand, or have stood, below it"
            return _unsupported(key, reason), self._made.get(path)
        revision, group = self._order(
            _new(
                Request,
                (_PUT, path, text, False, "", 0, False, expires_ns, False, False, None, 0, 0),
            )
        )
        state = _new(KeyValue, (key, value, revision, revision, 1, 0))
        self._pending[path] = _new(Pending, (state, expires_ns != 0, revision, group))
        for directory in above:
            self._made[directory] = group
        return revision, group

    def update(self, key: bytes, value: bytes, expected: int, expires_ns: int) -> Verdict:
        """Judge an update; one that changes nothing is answered with the present revision.

        What it may change is the value, and a TTL: one that is given always does. Raises
        UnsupportedError.
        """
        path, text = path_of(key), text_of(key, value)
        current, mortal, _, group = self._newest(key, path)
        if current is None:
            return KeyNotFoundError(key), group
        if current.revision != expected:
            return ConflictError(key, expected, current), group
        if current.value == value and not expires_ns and not mortal:
            return expected, group
        return self._write(path, current, value, text, expires_ns)

    def delete(self, key: bytes, expected: int | None, last: bytes | None = None) -> Verdict:
        """Judge a delete; with ``last`` it is two requests of one group.

        Raises UnsupportedError.
        """
        path = path_of(key)
        text = None if last is None else text_of(key, last)
        current, _, _, group = self._newest(key, path)
        if current is None:
            return KeyNotFoundError(key), group
        if expected is not None and current.revision != expected:
            return ConflictError(key, expected, current), group
        revision = current.revision
        if last is not None and text is not None and last != current.value:
            revision, _ = self._write(path, current, last, text, 0)
        revision, group = self._order(Request(Method.DELETE, path, prev_index=revision))
        self._pending[path] = _new(Pending, (None, False, revision, group))
        return revision, group

    def applied(self, events: Sequence[Event]) -> None:
        """Take what a group came to. Raises AssertionError where that was not foretold."""
        for event in events:
            path, index = event.node.key, event.node.modified
            if not self._foretold:  # of a SYNC: nothing is ordered behind one before it is done
                self._assigned = index
                continue
            foretold = self._foretold.popleft()
            assert foretold == (index, path), f"foretold {foretold}, came to {event}"
            if self._pending[path].revision == index:
                del self._pending[path]
            if self._made:
                self._forget_made(path)

    def dropped(self) -> None:
        """Forget what is pending: none of it happens, and its indexes are assigned again."""
        self._pending.clear()
        self._foretold.clear()
        self._made.clear()
        self._assigned = self._tree.index

    def _newest(self, key: bytes, path: str) -> Pending:
        pending = self._pending.get(path)
        if pending is not None:
            return pending
        leaf = self._tree.leaf(path)
        if leaf is None:
            return _NOTHING
        mortal = leaf.expires_ns != 0
        return _new(Pending, (state_of(key, leaf), mortal, leaf.modified, None))

    def _write(
        self, path: str, current: KeyValue, value: bytes, text: str, expires_ns: int
    ) -> tuple[int, Group]:
        """Order that a key which is at ``current`` be given another value."""
        was = current.revision
        revision, group = self._order(
            _new(
                Request,
                (_PUT, path, text, False, "", was, True, expires_ns, False, False, None, 0, 0),
            )
        )
        state = _new(KeyValue, (current.key, value, revision, current.create_revision, 2, 0))
        self._pending[path] = _new(Pending, (state, expires_ns != 0, revision, group))
        return revision, group

    def _order(self, request: Request) -> tuple[int, Group]:
        """Order a request, and foretell its index."""
        try:
            group = self._place(request)
        except Etcd2Error as error:
            raise UnsupportedError(str(error)) from error
        self._assigned = revision = self._assigned + 1
        self._foretold.append((revision, request.path))
        return revision, group

    def _missing_above(self, path: str) -> tuple[list[str], bytes, Group | None]:
        """Return which directories a new key needs, or the key that stands where one has to be."""
        directories, pending = self._tree.directories, self._pending
        missing: list[str] = []
        above = path[: path.rfind("/")]
        while above not in directories:
            held = pending.get(above)
            if held is not None and held.state is not None:
                return missing, held.state.key, held.group
            if held is None and self._tree.leaf(above) is not None:
                return missing, key_of(above), None
            missing.append(above)
            above = above[: above.rfind("/")]
        return missing, b"", None

    def _forget_made(self, path: str) -> None:
        """A request has been carried out: the directories above its path are in the tree now."""
        above = path[: path.rfind("/")]
        while self._made.pop(above, None) is not None:
            above = above[: above.rfind("/")]


def _unsupported(key: bytes, reason: str) -> UnsupportedError:
    return UnsupportedError(f"the tree of etcd 2 cannot hold the key {key.decode()}: {reason}")
