"""A naive world whose history is right: one store, clients, followers; and ways to falsify it.

Time is a counter that moves by one with everything that happens. The world knows the state of the
store at each revision by plain dictionaries, and writes down what its processes would have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Self

import numpy as np

from bench.history.reader import DTYPE, History, ProcessHistory
from cluster.client.history_format import MASK, Flag, Kind, Seen, Verb, entry_hash, key_hash

PREFIX: Final = "/registry/pods/"
NODES: Final = ("n1", "n2")
KEYS: Final = tuple(f"{PREFIX}{space}/{name}" for space in ("a", "b") for name in ("x", "y", "z"))
SECOND_NS: Final = 10**9

Row = dict[str, int]


@dataclass(slots=True)
class Follower:
    """A cache that follows a selection; what it was told is a position in the world's changes."""

    process: str
    fields: str
    namespace: str = ""
    position: int = 0
    reach: int = 0
    held: dict[str, int] = field(default_factory=dict)
    open: bool = False

    def selects(self, key: str, node: str) -> bool:
        """Whether an object is selected."""
        if self.fields.startswith("spec.nodeName="):
            return node == self.fields.partition("=")[2]
        if self.fields.startswith("metadata.name="):
            return key == PREFIX + self.fields.partition("=")[2]
        return key.startswith(f"{PREFIX}{self.namespace}")


class World:
    """Plays, and has the history of it."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {"apiserver": [], "control": [], "nodes": []}
        self.names: dict[str, int] = {"": 0}
        self.now = 1_000
        self.revision = 1
        self.state: dict[str, tuple[int, str]] = {}
        """key → revision and node."""
        self.changes: list[tuple[int, str, tuple[int, str] | None, tuple[int, str] | None]] = []
        """Revision, key, state before, state after."""
        self.followers: list[Follower] = []
        self.unsure = True

    def tick(self) -> int:
        """Let a moment pass; return it."""
        self.now += 1
        return self.now

    def number(self, name: str) -> int:
        """Return a name's number."""
        return self.names.setdefault(name, len(self.names))

    def put(self, process: str, kind: Kind, **fields: int) -> Row:
        """Write down a record."""
        row = {"kind": int(kind), **fields}
        row.setdefault("end_ns", self.now)
        row.setdefault("begin_ns", row["end_ns"])
        self.rows[process].append(row)
        return row

    def source(self, process: str, said: str = '{"client": "work"}') -> int:
        """Return the number of a source."""
        return self.number(f"{process}#1 {said}")

    # the store

    def apply(self, key: str, after: str | None) -> int:
        """Change a key (None: remove it); return the revision."""
        before = self.state.get(key)
        self.revision += 1
        moment = self.tick()
        if after is None:
            del self.state[key]
        else:
            self.state[key] = (self.revision, after)
        self.changes.append((self.revision, key, before, self.state.get(key)))
        seen = Seen.DELETED if after is None else (Seen.MODIFIED if before else Seen.ADDED)
        node = after if after is not None else (before[1] if before else "")
        self.put(
            "apiserver",
            Kind.CHANGE,
            verb=seen,
            flags=Flag.BOUND if node else 0,
            key=self.number(key),
            node=self.number(node),
            asked=before[0] if before else 0,
            revision=self.revision,
            end_ns=moment,
        )
        return self.revision

    # clients

    def write(
        self, verb: Verb, key: str, *, node: str = "", asked: int = 0, code: int = 200
    ) -> Row:
        """Write as a client; without an answer (code 0) it has happened all the same."""
        begin = self.tick()
        before = self.state.get(key)
        if verb is Verb.DELETE:
            self.apply(key, before[1] if before else "")
            revision = self.apply(key, None)
        else:
            revision = self.apply(key, node or (before[1] if before else ""))
        told = 0 if verb in (Verb.DELETE, Verb.BIND) or not code else revision
        row = {"verb": int(verb), "code": code, "asked": asked, "revision": told}
        return self._request(Kind.WRITE, key, begin, row)

    def write_after_gap(self) -> Row:
        """Make a key, after a revision that was somebody else's."""
        return self.write(Verb.CREATE, f"{PREFIX}a/after-{self.revision}", code=201)

    def refused(self, key: str, asked: int) -> Row:
        """Have an update refused, since its state is not the newest."""
        row = {"verb": int(Verb.UPDATE), "code": 409, "asked": asked}
        return self._request(Kind.WRITE, key, self.tick(), row)

    def read(self, key: str) -> Row:
        """GET."""
        begin = self.tick()
        found = self.state.get(key)
        row = {"verb": int(Verb.GET), "code": 200, "revision": found[0] if found else 0}
        return self._request(Kind.READ, key, begin, row if found else row | {"code": 404})

    def lists(self) -> Row:
        """LIST everything."""
        row = {"verb": int(Verb.LIST), "code": 200, "extra": len(self.state)}
        begin = self.tick()
        return self._request(Kind.LIST, PREFIX, begin, row | {"revision": self.revision})

    def _request(self, kind: Kind, key: str, begin: int, fields: Row) -> Row:
        process = "control"
        fields |= {"source": self.source(process), "key": self.number(key), "begin_ns": begin}
        return self.put(process, kind, **fields, end_ns=self.tick())

    # followers

    def follow(self, process: str, fields: str = "", namespace: str = "") -> Follower:
        """Begin to follow a selection, with a list."""
        follower = Follower(process, fields, namespace)
        self.followers.append(follower)
        self.relist(follower)
        return follower

    def relist(self, follower: Follower) -> None:
        """List anew."""
        self.close(follower)
        follower.position = len(self.changes)
        follower.reach = self.revision
        follower.held = {
            key: revision
            for key, (revision, node) in self.state.items()
            if follower.selects(key, node)
        }
        self.tick()
        self._told(follower, Kind.LIST, revision=self.revision, extra=len(follower.held))
        self.digest(follower)

    def open(self, follower: Follower) -> None:
        """Watch from where it is."""
        if not follower.open:
            follower.open = True
            self._told(follower, Kind.WATCH_OPEN, asked=follower.reach)

    def close(self, follower: Follower) -> None:
        """End its watch."""
        if follower.open:
            follower.open = False
            self._told(follower, Kind.WATCH_CLOSE, revision=follower.reach)

    def catch_up(self, follower: Follower, steps: int = 10**9) -> None:
        """Tell it the next changes of its selection."""
        self.open(follower)
        for revision, key, before, after in self.changes[follower.position :][:steps]:
            follower.position += 1
            was = before is not None and follower.selects(key, before[1])
            is_ = after is not None and follower.selects(key, after[1])
            if not was and not is_:
                continue
            seen = (Seen.MODIFIED if was else Seen.ADDED) if is_ else Seen.DELETED
            follower.reach = revision
            if is_:
                follower.held[key] = revision
            else:
                del follower.held[key]
            self.tick()
            key_number = self.number(key)
            self._told(follower, Kind.EVENT, verb=seen, key=key_number, revision=revision)

    def bookmark(self, follower: Follower) -> None:
        """Promise that all up to now has been told."""
        self.catch_up(follower)
        follower.reach = self.revision
        self._told(follower, Kind.EVENT, verb=Seen.BOOKMARK, revision=self.revision)

    def digest(self, follower: Follower, flags: int = 0) -> None:
        """Say what it holds."""
        count, total = _digest(follower.held)
        reach = follower.reach
        self._told(follower, Kind.DIGEST, extra=count, asked=total, revision=reach, flags=flags)

    def _told(self, follower: Follower, kind: Kind, **fields: int) -> None:
        chosen = f'"fields": "{follower.fields}", "namespace": "{follower.namespace}"'
        said = f'{{"watch": "{PREFIX}", {chosen}, "labels": ""}}'
        place = self.followers.index(follower)
        source = self.number(f"{follower.process}#{place + 2} {said}")
        self.put(follower.process, kind, source=source, **fields)

    # the end

    def settle(self) -> Self:
        """Let everyone come to the end, and say what they hold."""
        for follower in self.followers:
            self.catch_up(follower)
        self.now += 10 * SECOND_NS
        for follower in self.followers:
            self.digest(follower, Flag.FOLLOWER)
            self.close(follower)
        held = {key: revision for key, (revision, _node) in self.state.items()}
        count, total = _digest(held)
        for flags in (Flag.CACHE, Flag.STORE):
            at = {"key": self.number(PREFIX), "revision": self.revision}
            self.put("apiserver", Kind.DIGEST, extra=count, asked=total, flags=flags, **at)
        return self

    def history(self) -> History:
        """Return it as the checker reads it."""
        processes = {}
        for process, rows in self.rows.items():
            records = np.zeros(len(rows), DTYPE)
            for place, row in enumerate(rows):
                for name, value in row.items():
                    records[name][place] = value
            processes[process] = ProcessHistory(process, records, 1, torn_bytes=0, closed=True)
        numbers = {name.encode(): number for name, number in self.names.items()}
        return History(processes, list(numbers), numbers)

    def find(self, process: str, kind: Kind, which: Callable[[Row], bool] = bool) -> list[Row]:
        """Return the records of a kind."""
        return [row for row in self.rows[process] if row["kind"] == kind and which(row)]


def _digest(held: dict[str, int]) -> tuple[int, int]:
    hashes = (entry_hash(key_hash(key.encode()), revision) for key, revision in held.items())
    return len(held), sum(hashes) & MASK


def play(chance: Random, steps: int, *, unsure: bool = True) -> World:
    """Return a random world after so many steps and the end.

    With ``unsure`` some writes get no answer.
    """
    world = World()
    world.unsure = unsure
    world.follow("control")
    world.follow("nodes", f"spec.nodeName={NODES[0]}")
    world.follow("nodes", "metadata.name=a/x")
    world.follow("control", namespace="b")
    for _ in range(steps):
        _step(world, chance)
    return world.settle()


def _step(world: World, chance: Random) -> None:
    follower = chance.choice(world.followers)
    moves: tuple[Callable[[], object], ...] = (
        lambda: world.read(chance.choice(KEYS)),
        world.lists,
        lambda: world.close(follower),
        lambda: world.relist(follower),
        lambda: world.bookmark(follower),
        lambda: world.catch_up(follower, chance.randrange(4)),
    )
    if chance.random() < 0.5:
        _write(world, chance)
    else:
        chance.choice(moves)()


def _write(world: World, chance: Random) -> None:
    key = chance.choice(KEYS)
    there = world.state.get(key)
    if there is None:
        world.write(Verb.CREATE, key, code=chance.choice((201, 201, 0 if world.unsure else 201)))
        return
    revision, node = there
    move = chance.randrange(5)
    if move == 0:
        world.write(Verb.DELETE, key)
    elif move == 1 and not node:
        world.write(Verb.BIND, key, node=chance.choice(NODES), code=201)
    elif move == 2:
        world.write(Verb.PATCH, key, code=chance.choice((200, 0 if world.unsure else 200)))
    elif move == 3 and revision > 2:
        world.refused(key, revision - 1)
    else:
        world.write(Verb.UPDATE_STATUS, key, asked=revision)
