"""The truth: every change that the store applied, in revision order, and what selections see.

Rows are changes, and before them what was there when the record began. Everything is a column of a
numpy array with the row as its index, so that millions of rows are judged in a few passes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.history.reader import History, Records
from cluster.client.history_format import GOLDEN, Kind, Seen, key_hash

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Bools = NDArray[np.bool_]

NEVER: Final = np.iinfo(np.int64).max
KEY_BITS: Final = 32
NOBODY: Final = -1


def entry_hashes(keys: Words, revisions: Ints) -> Words:
    """Return ``history_format.entry_hash`` of many entries."""
    mixed = keys + revisions.astype(np.uint64) * np.uint64(GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashed: Words = mixed ^ (mixed >> np.uint64(31))
    return hashed


class View(NamedTuple):
    """What one selection sees of the truth: a row a change that it is told of."""

    revisions: Ints
    keys: Ints
    seen: Ints
    """``Seen``: ADDED when the object enters the selection, DELETED when it leaves it."""
    applied_ns: Ints
    counts: Ints
    """How many objects are selected after the change."""
    hashes: Words
    """Their digest."""

    def up_to(self, revision: int) -> int:
        """Return how many changes there are up to a revision."""
        return int(np.searchsorted(self.revisions, revision, "right"))

    def state(self, revision: int) -> tuple[int, int]:
        """Return count and digest as of a revision."""
        place = self.up_to(revision)
        return (int(self.counts[place - 1]), int(self.hashes[place - 1])) if place else (0, 0)


class Truth:
    """Changes in revision order, and look-ups over them."""

    def __init__(self, history: History, recorded: Records, *, shared: bool = False) -> None:
        """Take the API server's records; ``shared``: changes of several keys share a revision."""
        self.shared = shared
        changes = recorded[recorded["kind"] == Kind.CHANGE]
        there = recorded[recorded["kind"] == Kind.INITIAL]
        there = there[~np.isin(self.marks(there), self.marks(changes))]
        self.first = int(changes["revision"].min()) if len(changes) else 0
        """The first revision that was recorded as a change."""
        rows = np.concatenate([there, changes])
        rows = rows[np.argsort(self.marks(rows), kind="stable")]
        self._marks: Ints = self.marks(rows)
        self.revisions: Ints = rows["revision"].astype(np.int64)
        self.keys: Ints = rows["key"].astype(np.int64)
        self.seen: Ints = rows["verb"].astype(np.int64)
        self.nodes: Ints = rows["node"].astype(np.int64)
        self.flags: Ints = rows["flags"].astype(np.int64)
        self.asked: Ints = rows["asked"].astype(np.int64)
        self.recorded: Bools = rows["kind"] == Kind.CHANGE
        self.applied_ns: Ints = np.where(self.recorded, rows["end_ns"], 0).astype(np.int64)
        self.alive: Bools = self.seen != Seen.DELETED
        """The object is there after the change."""
        self._link()
        digests = recorded[recorded["kind"] == Kind.DIGEST]
        self._sort_keys(history, {history.names[number] for number in digests["key"].tolist()})
        self._by_node = self._node_rows()
        self._views: dict[int, View] = {}

    def __len__(self) -> int:
        return len(self.revisions)

    def _link(self) -> None:
        """Find each row's predecessor of the same key, and when it was superseded."""
        size = len(self.revisions)
        self._order = np.lexsort((self.revisions, self.keys))
        """Rows by key, then by revision."""
        self._sorted_keys = self.keys[self._order]
        same = np.zeros(size, bool)
        same[1:] = self._sorted_keys[1:] == self._sorted_keys[:-1]
        before = np.full(size, NOBODY, np.int64)
        before[1:] = np.where(same[1:], self._order[:-1], NOBODY)
        self.before: Ints = np.empty(size, np.int64)
        """The row of the key's change before, or NOBODY."""
        self.before[self._order] = before
        self.until_ns: Ints = np.full(size, NEVER, np.int64)
        """When the next change of the key was applied."""
        linked = np.flatnonzero(self.before != NOBODY)
        self.until_ns[self.before[linked]] = self.applied_ns[linked]
        self.was_alive: Bools = (self.before != NOBODY) & self.alive[self.before]

    def _sort_keys(self, history: History, prefixes: set[bytes]) -> None:
        """Say of every key which resource it is of, and in which namespace; and hash it."""
        numbers = {name: number for number, name in enumerate(history.names) if name in prefixes}
        self._prefixes = numbers
        unique, inverse = np.unique(self.keys, return_inverse=True)
        resources = np.zeros(len(unique), np.int64)
        hashes = np.zeros(len(unique), np.uint64)
        scopes = np.zeros(len(unique), np.int64)
        known: dict[bytes, int] = {}
        for place, number in enumerate(unique.tolist()):
            name = history.names[number]
            scope = name[: name.rfind(b"/") + 1]
            prefix = scope if scope in numbers else scope[: scope.rfind(b"/", 0, -1) + 1]
            resources[place] = numbers.get(prefix, 0)
            scopes[place] = known.setdefault(scope, len(known) + 1)
            hashes[place] = key_hash(name)
        self._scopes = known
        self.resources: Ints = resources[inverse]
        """The number of the prefix of the key's resource."""
        self._scope_of: Ints = scopes[inverse]
        hashed = entry_hashes(hashes[inverse], self.revisions)
        self._hashes: Words = np.where(self.alive, hashed, np.uint64(0))
        """Of the state after the change, as it goes into a digest."""

    def _node_rows(self) -> tuple[Ints, Ints]:
        """Return nodes, sorted, and the rows in which a pod of that node came, changed or went."""
        old = np.where(self.before != NOBODY, self.nodes[self.before], 0)
        moved = np.flatnonzero((old != self.nodes) & (old != 0))
        here = np.flatnonzero(self.nodes != 0)
        nodes = np.concatenate([self.nodes[here], old[moved]])
        rows = np.concatenate([here, moved])
        order = np.lexsort((rows, nodes))
        return nodes[order], rows[order]

    def row(self, revision: int) -> int:
        """Return the row of a revision, or NOBODY."""
        place = int(np.searchsorted(self.revisions, revision))
        if place < len(self.revisions) and self.revisions[place] == revision:
            return place
        return NOBODY

    def rows(self, revisions: Ints, keys: Ints) -> Ints:
        """Return the rows of many changes; NOBODY where there is none.

        They are found by their revisions alone, whatever their keys are, unless those are shared.
        """
        wanted = revisions << KEY_BITS | keys if self.shared else revisions
        if not len(self.revisions):
            return np.full(len(revisions), NOBODY, np.int64)
        places = np.minimum(np.searchsorted(self._marks, wanted), len(self.revisions) - 1)
        found: Ints = np.where(self._marks[places] == wanted, places, NOBODY)
        return found

    def marks(self, records: Records | View) -> Ints:
        """Return a number a change that orders and identifies it: its revision, if it is its own.

        Where revisions are shared, with the key below it, whose number has 32 bits.
        """
        if isinstance(records, View):
            revisions, keys = records.revisions, records.keys
        else:
            revisions, keys = (records[name].astype(np.int64) for name in ("revision", "key"))
        found: Ints = revisions << KEY_BITS | keys if self.shared else revisions
        return found

    def rows_of(self, key: int) -> Ints:
        """Return the rows of a key, in revision order."""
        low, high = np.searchsorted(self._sorted_keys, [key, key + 1])
        found: Ints = self._order[low:high]
        return found

    def rows_below(self, prefix: bytes) -> Ints:
        """Return the rows of all keys of a resource, or of its namespace, in revision order."""
        scope = self._scopes.get(prefix, 0)
        if scope:
            return np.flatnonzero(self._scope_of == scope)
        return np.flatnonzero(self.resources == self._prefixes.get(prefix, -1))

    def of_resource(self, prefix: int) -> View:
        """Return what is seen of all objects of a resource."""
        view = self._views.get(prefix)
        if view is None:
            view = self._views[prefix] = self._whole(np.flatnonzero(self.resources == prefix))
        return view

    def of_namespace(self, prefix: bytes) -> View:
        """Return what is seen of the objects under a resource's prefix and a namespace."""
        return self._whole(np.flatnonzero(self._scope_of == self._scopes.get(prefix, 0)))

    def of_key(self, key: int) -> View:
        """Return what is seen of one object."""
        return self._whole(self.rows_of(key))

    def of_node(self, node: int) -> View:
        """Return what is seen of the pods of a node."""
        nodes, rows = self._by_node
        low, high = np.searchsorted(nodes, [node, node + 1])
        chosen = rows[low:high]
        old = self.before[chosen]
        after = self.alive[chosen] & (self.nodes[chosen] == node)
        before = self.was_alive[chosen] & (self.nodes[old] == node)
        return self._view(chosen, before, after)

    def _whole(self, rows: Ints) -> View:
        return self._view(rows, self.was_alive[rows], self.alive[rows])

    def _view(self, rows: Ints, before: Bools, after: Bools) -> View:
        told = before | after
        rows, before, after = rows[told], before[told], after[told]
        seen = np.where(after, np.where(before, Seen.MODIFIED, Seen.ADDED), Seen.DELETED)
        gained = np.where(after, self._hashes[rows], np.uint64(0))
        lost = np.where(before, self._hashes[self.before[rows]], np.uint64(0))
        return View(
            self.revisions[rows],
            self.keys[rows],
            seen.astype(np.int64),
            self.applied_ns[rows],
            np.cumsum(after.astype(np.int64) - before.astype(np.int64)),
            np.cumsum(gained - lost),
        )
