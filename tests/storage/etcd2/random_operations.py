"""Random operations on a store of etcd 2, as records that can be played in any form.

The generator looks into a machine that has been played the same operations, so that comparisons
are mostly with what is there. Two stores stand at the same index when they begin (``pad``).
"""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from storage.etcd2.machine import Machine
from storage.etcd2.model import KEYS, MEMBERS, Method, Node, Request

NAMES: Final = ("a", "b", "ab", "_h")
VALUES: Final = ("", "x", "y", "zwölf", 'q"<&>\\', "line\nline")
TTLS_S: Final = (100, 1000, 5000)
"""Far beyond a test: what ends by itself does so by each store's own clock."""

DEPTH_MAX: Final = 4


class Operation(NamedTuple):
    """One request of a client; its ``key`` is the client's, ``/`` for the root."""

    method: str
    """GET, PUT, POST, DELETE."""
    key: str
    value: str | None = None
    dir: bool = False
    ttl_s: int | None = None
    prev_exist: bool | None = None
    prev_value: str = ""
    prev_index: int = 0
    recursive: bool = False
    sorted: bool = False
    refresh: bool = False
    quorum: bool = False
    wait_index: int | None = None
    """Of a GET: wait for the first event from there on, which the history holds or not."""

    @property
    def path(self) -> str:
        """Where it is in the store's own tree."""
        return KEYS + ("" if self.key == "/" else self.key)

    def request(self, now_ns: int) -> Request:
        """Return what stands in the log for it; not of a plain GET."""
        return Request(
            Method.QGET if self.method == "GET" else Method(self.method),
            self.path,
            self.value or "",
            self.dir,
            self.prev_value,
            self.prev_index,
            self.prev_exist,
            0 if self.ttl_s is None else now_ns + self.ttl_s * 1_000_000_000,
            self.recursive,
            self.sorted,
            True if self.refresh else None,
        )

    def parameters(self) -> dict[str, str]:
        """Return what stands in the form of a PUT or POST, else in the query."""
        asked = {
            "value": self.value,
            "ttl": None if self.ttl_s is None else str(self.ttl_s),
            "dir": "true" if self.dir else None,
            "prevExist": None if self.prev_exist is None else str(self.prev_exist).lower(),
            "prevValue": self.prev_value or None,
            "prevIndex": str(self.prev_index) if self.prev_index else None,
            "recursive": "true" if self.recursive else None,
            "sorted": "true" if self.sorted else None,
            "refresh": "true" if self.refresh else None,
            "quorum": "true" if self.quorum else None,
            "wait": None if self.wait_index is None else "true",
            "waitIndex": str(self.wait_index) if self.wait_index else None,
        }
        return {name: value for name, value in asked.items() if value is not None}


def random_operation(chance: Random, machine: Machine) -> Operation:
    """Return the next operation; ``machine`` has been played those before."""
    key = random_key(chance)
    draw = chance.random()
    if draw < 0.45:
        return _put(chance, machine, key)
    if draw < 0.55:
        value = chance.choice(VALUES)
        return Operation("POST", key, value, ttl_s=_ttl_s(chance), dir=chance.random() < 0.1)
    if draw < 0.78:
        return _delete(chance, machine, key)
    return Operation(
        "GET",
        key,
        recursive=chance.random() < 0.5,
        sorted=chance.random() < 0.5,
        quorum=chance.random() < 0.3,
    )


def random_key(chance: Random) -> str:
    """Return a key: few names, so that leaves, directories and watches meet."""
    if chance.random() < 0.03:
        return "/"
    depth = 1 + min(chance.randrange(DEPTH_MAX), chance.randrange(DEPTH_MAX))
    return "".join(f"/{chance.choice(NAMES)}" for _ in range(depth))


def pad(machine: Machine, index: int) -> None:
    """Bring a machine to ``index`` by changes that no client sees."""
    while machine.index < index:
        machine.apply(Request(Method.PUT, f"{MEMBERS}/pad"), 0)


def _put(chance: Random, machine: Machine, key: str) -> Operation:
    value, ttl_s = chance.choice(VALUES), _ttl_s(chance)
    draw = chance.random()
    if draw < 0.12:
        return Operation("PUT", key, dir=True, ttl_s=ttl_s, prev_exist=_either(chance))
    if draw < 0.22:
        ttl_s = chance.choice(TTLS_S)
        plain = Operation("PUT", key, ttl_s=ttl_s, refresh=True, prev_exist=_either(chance))
        return _comparing(chance, machine, plain) if chance.random() < 0.3 else plain
    plain = Operation("PUT", key, value, ttl_s=ttl_s)
    if draw < 0.55:
        return plain
    if draw < 0.75:
        return plain._replace(prev_exist=_either(chance))
    compared = _comparing(chance, machine, plain)
    return compared._replace(prev_exist=True) if chance.random() < 0.3 else compared


def _delete(chance: Random, machine: Machine, key: str) -> Operation:
    plain = Operation("DELETE", key)
    draw = chance.random()
    if draw < 0.3:
        return _comparing(chance, machine, plain)
    return plain._replace(dir=draw > 0.8, recursive=0.6 < draw < 0.9)


def _comparing(chance: Random, machine: Machine, plain: Operation) -> Operation:
    """Add a comparison: by index, by value, or both; mostly with what is there."""
    there = _leaf(machine, plain.path)
    value, index = (there.value or "", there.modified) if there else ("x", machine.index)
    if chance.random() < 0.2:
        value = chance.choice(VALUES)
    if chance.random() < 0.2:
        index = chance.randint(1, machine.index + 1)
    draw = chance.random()
    return plain._replace(
        prev_value=value if draw < 0.6 else "", prev_index=index if draw > 0.4 else 0
    )


def _leaf(machine: Machine, path: str) -> Node | None:
    for leaf in (each for folder in machine.dump().folders for each in folder.leaves):
        if leaf.key == path:
            return leaf
    return None


def _ttl_s(chance: Random) -> int | None:
    return chance.choice(TTLS_S) if chance.random() < 0.2 else None


def _either(chance: Random) -> bool | None:
    return chance.choice((True, False, None))
