"""Holds a reopened store against the true history."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from storage.clock import SystemClock
from storage.interface import Store
from storage.records import Change, KeyValue
from storage.registry import STORES, StoreOptions
from tests.storage.durability.journal import ImpossibleError, Journal, Write
from tests.storage.recorder import Recorder

WRITES_ON = 30

State = dict[bytes, KeyValue]


class Promise:
    """What the store owes at this opening."""

    def __init__(self, acknowledged: int, compacted: int, compacting: int) -> None:
        self.acknowledged = acknowledged
        self.compacted = compacted
        self.compacting = compacting


class Oracle:
    """The states that the history leads to, worked out once and kept as far as needed."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._states: dict[int, State] = {1: {}}

    async def check(self, folder: Path, promise: Promise, pending: list[Write]) -> int:
        """Open the store and check all of it; return how many changes it replayed.

        Revisions that nobody was told must be writes of ``pending``; they are part of the history
        from now on. Raises ImpossibleError.
        """
        options = StoreOptions(
            data_dir=folder, clock=SystemClock(), sync=False, inline_commits=True
        )
        async with STORES["etcd3"].make(options) as store:
            last, oldest = store.current_revision(), store.oldest_revision()
            if last < promise.acknowledged:
                raise ImpossibleError(f"lost: ends at {last}, {promise.acknowledged} was told")
            if not promise.compacted <= oldest <= promise.compacting:
                raise ImpossibleError(
                    f"the oldest revision is {oldest}, compaction was acknowledged at "
                    f"{promise.compacted} and begun at {promise.compacting}"
                )
            changes = await _replayed(store, oldest, last)
            self._agree(changes, oldest, pending)
            await self._states_agree(store, oldest, last)
        return len(changes)

    def _agree(self, changes: list[Change], oldest: int, pending: list[Write]) -> None:
        history = self._journal.history
        in_flight = list(pending)
        by_revision = groupby(changes, key=lambda change: change.revision)
        for expected, (revision, shared) in enumerate(by_revision, oldest + 1):
            if revision != expected:
                raise ImpossibleError(f"revision {expected} is missing from the replay")
            shown = tuple((change.key, change.value) for change in shared)
            known = history.get(expected)
            if known is None:
                known = next((each for each in in_flight if each.writes == shown), None)
                if known is None:
                    raise ImpossibleError(f"revision {expected} was written by nobody: {shown}")
                in_flight.remove(known)
                history[expected] = known
            elif known.writes != shown:
                raise ImpossibleError(f"revision {expected} is {shown}, was {known}")

    async def _states_agree(self, store: Store, oldest: int, last: int) -> None:
        for revision in (oldest, (oldest + last) // 2, last):
            listing = await store.list(b"", revision=revision)
            state = self._state(revision)
            if {item.key: item for item in listing.items} != state:
                raise ImpossibleError(f"the state at {revision} is not what was written")
        for key, item in self._state(last).items():
            if await store.get(key) != item:
                raise ImpossibleError(f"{key!r} reads otherwise than it lists")

    def _state(self, revision: int) -> State:
        """Return the true state at a revision, from the nearest one that is kept."""
        start = max(each for each in self._states if each <= revision)
        state = dict(self._states[start])
        history = self._journal.history
        for at in range(start + 1, revision + 1):
            for key, value in history[at].writes:
                past = state.get(key)
                if value is None:
                    del state[key]
                elif past is None:
                    state[key] = KeyValue(key, value, at, at, 1)
                else:
                    state[key] = KeyValue(key, value, at, past.create_revision, past.version + 1)
        self._states[revision] = state
        if len(self._states) > 64:
            del self._states[sorted(self._states)[len(self._states) // 2]]
        return state


async def goes_on(folder: Path) -> None:
    """Write on to what is left, and find that and nothing else after one more opening.

    A file whose free pages are in truth in use reads well until it is written to.
    Raises ImpossibleError.
    """
    options = StoreOptions(data_dir=folder, clock=SystemClock(), sync=False, inline_commits=True)
    async with STORES["etcd3"].make(options) as store:
        before, first = (await store.list(b"")).items, store.current_revision()
        for number in range(WRITES_ON):
            revision = await store.create(b"/on/%d" % number, bytes(100 * number))
            if revision != first + number + 1:
                raise ImpossibleError(f"revision {revision} follows {first + number}")
        await store.compact(store.current_revision())
    async with STORES["etcd3"].make(options) as store:
        items = (await store.list(b"")).items
        if [item for item in items if not item.key.startswith(b"/on/")] != before:
            raise ImpossibleError("writing on changed what was there")
        written = [len(item.value) for item in items if item.key.startswith(b"/on/")]
        if sorted(written) != [100 * number for number in range(WRITES_ON)]:
            raise ImpossibleError("what was written on is not there")


async def _replayed(store: Store, oldest: int, last: int) -> list[Change]:
    recorder = Recorder(after=oldest)
    store.watch(b"", recorder, after=oldest)
    if last > oldest:
        await recorder.reach(last)
    if recorder.error is not None:
        raise ImpossibleError(f"the watch from {oldest} ended: {recorder.error}")
    return recorder.changes
