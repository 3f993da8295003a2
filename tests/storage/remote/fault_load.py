"""Writers over a store whose members fail, and what must be true of the store afterwards.

Each writer has keys of its own and makes every value once, so the store's history names for each
change the write that made it. A write ends in one of three ways: *acknowledged* at a revision,
*unknown* (its answer never came), or *refused* (nothing was written). The checker holds these
against the whole history: acknowledged writes are all there where they were said to be, refused
ones are nowhere, unknown ones at most once, and nothing else has happened.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Final

from storage.errors import (
    ConflictError,
    KeyExistsError,
    KeyNotFoundError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from storage.interface import Store
from storage.records import Change, KeyValue

PREFIX: Final = b"/registry/load/"
KEYS_A_WRITER: Final = 3
PAUSE_S: Final = 0.05
"""Between attempts while no member answers."""


@dataclass(frozen=True, slots=True)
class Write:
    """One that was sent: ``value`` None is a deletion of the state at revision ``on``."""

    key: bytes
    value: bytes | None
    on: int
    """The revision that the key had to be at; 0: it must not exist."""


@dataclass(slots=True)
class Journal:
    """What all writers were told."""

    acknowledged: dict[int, Write] = field(default_factory=dict)
    """By revision: each write has one of its own."""
    unknown: list[Write] = field(default_factory=list)
    refused: list[Write] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    """Loop times of acknowledgements."""
    stale: list[str] = field(default_factory=list)
    """Reads that told less than their own writer knew already."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def acknowledge(self, write: Write, revision: int) -> None:
        """Keep a write that was answered just now."""
        assert revision not in self.acknowledged
        self.acknowledged[revision] = write
        self.moments.append(asyncio.get_running_loop().time())
        self._news.set()

    async def reach(self, count: int) -> None:
        """Return when so many writes are acknowledged.

        What a member had forwarded to a leader that is gone is answered by etcd after six seconds.
        """
        async with asyncio.timeout(30.0):
            while len(self.acknowledged) < count:
                self._news.clear()
                await self._news.wait()

    @property
    def longest_gap_s(self) -> float:
        """Return the longest time without an acknowledgement between two."""
        pairs = zip(self.moments, self.moments[1:], strict=False)
        return max((then - now for now, then in pairs), default=0.0)


class Writer:
    """Writes to its own keys until it is told to stop, whatever happens to the members."""

    def __init__(
        self,
        store: Store,
        number: int,
        journal: Journal,
        seed: int,
        *,
        prefix: bytes = PREFIX,
        form: bytes = b"%b",
        pause_s: float = 0.0,
    ) -> None:
        """``form`` is what values look like; the part that makes each of them another goes in.

        ``pause_s`` is between two writes.
        """
        self._pause_s = pause_s
        self._store = store
        self._form = form
        self._keys = [prefix + b"%02d/%d" % (number, k) for k in range(KEYS_A_WRITER)]
        self._known: dict[bytes, KeyValue | None] = dict.fromkeys(self._keys)
        self._journal = journal
        self._random = Random(seed * 1000 + number)
        self._number = number
        self._made = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Write, one at a time."""
        while not stop.is_set():
            await self._write(self._random.choice(self._keys))
            if self._pause_s:
                await asyncio.sleep(self._pause_s)

    async def _write(self, key: bytes) -> None:
        known = self._known[key]
        write = self._choose(key, known)
        try:
            revision = await self._send(write)
        except UnknownOutcomeError:
            self._journal.unknown.append(write)
            await self._learn(key)
        except StoreUnavailableError:
            self._journal.refused.append(write)
            await asyncio.sleep(PAUSE_S)
        except (ConflictError, KeyExistsError, KeyNotFoundError):
            # What an earlier unknown write did after its writer had looked.
            self._journal.refused.append(write)
            await self._learn(key)
        else:
            self._journal.acknowledge(write, revision)
            value = write.value
            # Only the revision matters for what comes next.
            self._known[key] = None if value is None else KeyValue(key, value, revision, 0, 0)

    def _choose(self, key: bytes, known: KeyValue | None) -> Write:
        self._made += 1
        value = self._form % (b"%d.%d" % (self._number, self._made))
        if known is None:
            return Write(key, value, 0)
        if self._random.randrange(5) == 0:
            return Write(key, None, known.revision)
        return Write(key, value, known.revision)

    async def _send(self, write: Write) -> int:
        if write.value is None:
            return await self._store.delete(write.key, expected=write.on)
        if write.on:
            return await self._store.update(write.key, write.value, expected=write.on)
        return await self._store.create(write.key, write.value)

    async def _learn(self, key: bytes) -> None:
        """Read until there is an answer: what the key is now."""
        while True:
            try:
                found = await self._store.get(key)
            except StoreUnavailableError:
                await asyncio.sleep(PAUSE_S)
                continue
            before = self._known[key]
            if found is not None and before is not None and found.revision < before.revision:
                self._journal.stale.append(f"{key!r} at {found.revision} after {before.revision}")
            self._known[key] = found
            return


def violations(journal: Journal, history: list[Change]) -> list[str]:
    """Return in which points the history of the store contradicts what the writers were told."""
    found = list(journal.stale)
    by_revision = {change.revision: change for change in history}
    if len(by_revision) < len(history):
        found.append("two changes share a revision")
    for revision, write in sorted(journal.acknowledged.items()):
        change = by_revision.pop(revision, None)
        if change is None or (change.key, change.value) != (write.key, write.value):
            found.append(f"lost: {write} was acknowledged at {revision}, where {change} is")
    open_writes = list(journal.unknown)
    for change in by_revision.values():
        maker = next((w for w in open_writes if _made(w, change)), None)
        if maker is None:
            found.append(f"phantom: nobody may have made {change}")
        else:
            open_writes.remove(maker)
    return found + _chain(history)


def _made(write: Write, change: Change) -> bool:
    on = 0 if change.previous is None else change.previous.revision
    return (write.key, write.value, write.on) == (change.key, change.value, on)


def _chain(history: list[Change]) -> list[str]:
    """Return where a change does not follow the change before of its key."""
    found = []
    last: dict[bytes, int] = {}
    for change in history:
        before = 0 if change.previous is None else change.previous.revision
        if before != last.get(change.key, 0):
            found.append(f"gap: {change} does not follow {last.get(change.key, 0)}")
        last[change.key] = 0 if change.value is None else change.revision
    return found
