"""Holds a reopened engine of etcd 2 against the true history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storage.etcd2.engine import Etcd2Engine
from storage.etcd2.model import HISTORY_EVENTS, KEYS, Event, Method, Node, Request
from tests.storage.durability.etcd2.load import engine_at
from tests.storage.durability.journal import ImpossibleError, Journal, Write
from tests.storage.durability.oracle import WRITES_ON, Promise

OWN = 3
"""How many changes the engine makes before any client: of the member, and of the version."""

State = dict[str, tuple[str, int, int]]
"""(value, created, modified) by path."""


class Oracle:
    """The states that the history leads to, worked out once and kept as far as needed."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._states: dict[int, State] = {OWN: {}}

    async def check(self, folder: Path, promise: Promise, pending: list[Write]) -> int:
        """Open the engine and check all of it; return how many events it has kept.

        Indexes that nobody was told must be writes of ``pending``; they are part of the history
        from now on. Raises ImpossibleError.
        """
        async with engine_at(folder, sync=False, inline_commits=True) as engine:
            last, oldest = engine.index, engine.oldest_index
            if last < max(OWN, promise.acknowledged):
                raise ImpossibleError(f"lost: ends at {last}, {promise.acknowledged} was told")
            if oldest != max(1, last - HISTORY_EVENTS + 1):
                raise ImpossibleError(f"the history goes from {oldest} to {last}")
            events = engine.history(oldest)
            self._agree(events, oldest, pending)
            if state_of(engine) != self._state(last):
                raise ImpossibleError(f"the state at {last} is not what was written")
        return len(events)

    def _agree(self, events: Sequence[Event], oldest: int, pending: list[Write]) -> None:
        history = self._journal.history
        in_flight = list(pending)
        for expected, event in enumerate(events, oldest):
            if event.node.modified != expected:
                raise ImpossibleError(f"index {expected} is missing from the history")
            if expected <= OWN:
                continue
            value = None if event.node.value is None else event.node.value.encode()
            shown = (event.node.key.encode(), value)
            known = history.get(expected)
            if known is None:
                known = next((each for each in in_flight if each.writes == (shown,)), None)
                if known is None:
                    raise ImpossibleError(f"index {expected} was written by nobody: {shown}")
                in_flight.remove(known)
                history[expected] = known
            elif known.writes != (shown,):
                raise ImpossibleError(f"index {expected} is {shown}, was {known}")

    def _state(self, last: int) -> State:
        """Return the true state at an index, from the nearest one that is kept."""
        start = max(each for each in self._states if each <= last)
        state = dict(self._states[start])
        for at in range(start + 1, last + 1):
            write = self._journal.history[at]
            path = write.key.decode()
            if write.value is None:
                del state[path]
            else:
                created = state[path][1] if path in state else at
                state[path] = (write.value.decode(), created, at)
        self._states[last] = state
        if len(self._states) > 64:
            del self._states[sorted(self._states)[len(self._states) // 2]]
        return state


async def goes_on(folder: Path) -> None:
    """Write on to what is left, and find that and nothing else after one more opening.

    Raises ImpossibleError.
    """
    async with engine_at(folder, sync=False, inline_commits=True) as engine:
        before, first = state_of(engine), engine.index
        for number in range(WRITES_ON):
            path, value = f"{KEYS}/on/{number}", "." * (100 * number)
            event = await engine.do(Request(Method.PUT, path, value))
            if event.node.modified != first + number + 1:
                raise ImpossibleError(f"{event.node.modified} follows {first + number}")
    async with engine_at(folder, sync=False, inline_commits=True) as engine:
        after = state_of(engine)
    written = {path: state for path, state in after.items() if path.startswith(f"{KEYS}/on/")}
    if {path: state for path, state in after.items() if path not in written} != before:
        raise ImpossibleError("writing on changed what was there")
    if sorted(len(value) for value, _, _ in written.values()) != [
        100 * number for number in range(WRITES_ON)
    ]:
        raise ImpossibleError("what was written on is not there")


def state_of(engine: Etcd2Engine) -> State:
    """Return all leaves that clients have written."""
    found: State = {}
    waiting: list[Node] = [engine.get(KEYS, recursive=True).node]
    while waiting:
        node = waiting.pop()
        if node.dir:
            waiting += node.nodes or ()
        else:
            assert node.value is not None, node
            found[node.key] = (node.value, node.created, node.modified)
    return found
