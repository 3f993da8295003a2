"""Leaves and events of etcd 2 as the records of a ``Store``. Its keys count no versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from storage.etcd2.keys import below, key_of
from storage.etcd2.model import Event, Node
from storage.records import Change, KeyValue

_new: Final = tuple.__new__

REMOVALS: Final = frozenset(("delete", "compareAndDelete", "expire"))


def state_of(key: bytes, leaf: Node) -> KeyValue:
    """Return what a leaf is to a store; its version is 1 at its creation and 2 ever after."""
    created, modified = leaf.created, leaf.modified
    version = 1 if created == modified else 2
    state: KeyValue = _new(
        KeyValue, (key, (leaf.value or "").encode(), modified, created, version, 0)
    )
    return state


def change_of(event: Event) -> Change | None:
    """Return what an event is to a store; None: directories and hidden nodes are none of its."""
    action, node, before, _, _ = event
    path = node.key
    if node.dir or not below(path):
        return None
    key = key_of(path)
    previous = None if before is None else state_of(key, before)
    value, version = None, 0
    if action not in REMOVALS:
        value = (node.value or "").encode()
        version = 1 if previous is None else 2
    return _new(Change, (key, value, node.modified, node.created, previous, version, 0))


def changes_of(events: Iterable[Event]) -> list[Change]:
    """Return what events are to a store."""
    return [change for change in map(change_of, events) if change is not None]


def cut_of(events: Iterable[Event]) -> int:
    """Return the index of the last event that ended a directory, or 0.

    With it went keys that no event names, so changes up to there do not tell what happened.
    """
    cut = 0
    for event in events:
        if event.node.dir and event.action in REMOVALS and below(event.node.key):
            cut = event.node.modified
    return cut


def kept_changes(
    history: Callable[[int], Sequence[Event]], prefix: bytes, after: int, upto: int
) -> tuple[int, list[Change]]:
    """Return the kept changes under a prefix: all in one piece, they are few."""
    changes = changes_of(history(after + 1))
    return upto, [change for change in changes if change.key.startswith(prefix)]
