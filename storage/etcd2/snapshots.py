"""The whole store as the JSON that etcd 2 wrote into its snapshots, and back.

A tree of nodes, the history as a ring of 1000 places, the index and the counters; field by field
what a real etcd 3.4 with ``--enable-v2`` writes, and reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from storage.etcd2.go_time import NEVER, format_time, parse_time
from storage.etcd2.model import HISTORY_EVENTS, Event, Node
from storage.etcd2.snapshot import Folder, MachineState

LEAVES_A_PIECE: Final = 64
CHARACTERS_A_PIECE: Final = 1 << 17
"""How much is written in one piece: 0.2 ms of the interpreter, at 1.1 KB a leaf."""

CURRENT_VERSION: Final = 2

Json = dict[str, Any]


def encode_state(state: MachineState) -> Iterator[bytes]:
    """Yield the JSON of a state in pieces, each the work of a fraction of a millisecond."""
    below: dict[str, list[Folder]] = {}
    for folder in state.folders[1:]:
        below.setdefault(folder.path[: folder.path.rfind("/")] or "/", []).append(folder)
    yield b'{"Root":'
    yield from _folder(state.folders[0], below)
    yield b',"WatcherHub":{"EventHistory":{"Queue":{"Events":['
    for place in range(0, len(state.events), LEAVES_A_PIECE):
        events = [_event(event) for event in state.events[place : place + LEAVES_A_PIECE]]
        yield b"," + orjson.dumps(events)[1:-1] if place else orjson.dumps(events)[1:-1]
    size = len(state.events)
    empty = HISTORY_EVENTS - size
    yield (b"," if size and empty else b"") + b",".join([b"null"] * empty)
    first = state.events[0].node.modified if size else 0
    last = state.events[-1].node.modified if size else 0
    queue = {"Size": size, "Front": 0, "Back": size % HISTORY_EVENTS, "Capacity": HISTORY_EVENTS}
    yield b"]," + orjson.dumps(queue)[1:] + b","
    yield orjson.dumps({"StartIndex": first, "LastIndex": last})[1:] + b"},"
    rest = {
        "CurrentIndex": state.last_index,
        "Stats": {**state.counted, "watchers": 0},
        "CurrentVersion": CURRENT_VERSION,
    }
    yield orjson.dumps(rest)[1:]


def decode_state(encoded: bytes) -> MachineState:
    """Return the state that a snapshot's JSON says.

    Raises ValueError, KeyError, TypeError where it is not such JSON.
    """
    whole = orjson.loads(encoded)
    history = whole["WatcherHub"]["EventHistory"]
    queue = history["Queue"]
    ring, front = queue["Events"], queue["Front"]
    events = [_read_event(ring[(front + place) % len(ring)]) for place in range(queue["Size"])]
    stats = whole.get("Stats") or {}
    counted = {name: count for name, count in stats.items() if name != "watchers"}
    folders = tuple(_read_folders(whole["Root"]))
    return MachineState(whole["CurrentIndex"], folders, tuple(events), counted)


def _folder(folder: Folder, below: Mapping[str, Sequence[Folder]]) -> Iterator[bytes]:
    path, created, modified, expires_ns, leaves = folder
    own = _stored(path, created, modified, expires_ns, "")
    yield orjson.dumps(own)[:-1] + b',"Children":{'
    comma = b""
    for some in _pieces(leaves):
        named = {
            leaf.key[leaf.key.rfind("/") + 1 :]: {
                "Path": leaf.key,
                "CreatedIndex": leaf.created,
                "ModifiedIndex": leaf.modified,
                "ExpireTime": format_time(leaf.expires_ns) if leaf.expires_ns else NEVER,
                "Value": leaf.value,
                "Children": None,
            }
            for leaf in some
        }
        yield comma + orjson.dumps(named)[1:-1]
        comma = b","
    for child in below.get(path, ()):
        yield comma + orjson.dumps(child.path[child.path.rfind("/") + 1 :]) + b":"
        yield from _folder(child, below)
        comma = b","
    yield b"}}"


def _pieces(leaves: Sequence[Node]) -> Iterator[list[Node]]:
    piece: list[Node] = []
    characters = 0
    for leaf in leaves:
        piece.append(leaf)
        characters += len(leaf.value or "")
        if len(piece) == LEAVES_A_PIECE or characters > CHARACTERS_A_PIECE:
            yield piece
            piece, characters = [], 0
    if piece:
        yield piece


def _stored(path: str, created: int, modified: int, expires_ns: int, value: str) -> Json:
    return {
        "Path": path,
        "CreatedIndex": created,
        "ModifiedIndex": modified,
        "ExpireTime": format_time(expires_ns),
        "Value": value,
    }


def _event(event: Event) -> Json:
    told: Json = {"action": event.action, "node": _shown(event.node)}
    if event.previous is not None:
        told["prevNode"] = _shown(event.previous)
    if event.refresh:
        told["refresh"] = True
    return told


def _shown(node: Node) -> Json:
    """Return a node as events show it: fields that say nothing are left out."""
    shown: Json = {"key": node.key}
    if node.value is not None:
        shown["value"] = node.value
    if node.dir:
        shown["dir"] = True
    if node.expires_ns:
        shown["expiration"] = format_time(node.expires_ns)
    if node.ttl_s:
        shown["ttl"] = node.ttl_s
    shown["modifiedIndex"] = node.modified
    shown["createdIndex"] = node.created
    return shown


def _read_folders(found: Json) -> Iterator[Folder]:
    leaves: list[Node] = []
    folders: list[Json] = []
    for child in found["Children"].values():
        if child["Children"] is not None:
            folders.append(child)
            continue
        expires = child["ExpireTime"]
        leaves.append(
            Node(
                child["Path"],
                child["Value"],
                dir=False,
                created=child["CreatedIndex"],
                modified=child["ModifiedIndex"],
                expires_ns=0 if expires == NEVER else parse_time(expires),
            )
        )
    yield Folder(
        found["Path"],
        found["CreatedIndex"],
        found["ModifiedIndex"],
        parse_time(found["ExpireTime"]),
        tuple(leaves),
    )
    for folder in folders:
        yield from _read_folders(folder)


def _read_event(found: Json) -> Event:
    node = _read_shown(found["node"])
    before = found.get("prevNode")
    previous = None if before is None else _read_shown(before)
    return Event(found["action"], node, previous, node.modified, bool(found.get("refresh")))


def _read_shown(found: Json) -> Node:
    expiration = found.get("expiration")
    return Node(
        found["key"],
        found.get("value"),
        dir=bool(found.get("dir")),
        created=found.get("createdIndex", 0),
        modified=found.get("modifiedIndex", 0),
        expires_ns=parse_time(expiration) if expiration else 0,
        ttl_s=found.get("ttl", 0),
    )
