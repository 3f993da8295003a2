"""The load: writers, readers and watchers of one store, which write down all that they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Final, Protocol, runtime_checkable

from storage.clock import Clock
from storage.errors import (
    ReadOnlyError,
    StoreError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from storage.interface import Store
from storage.mvcc import Compare, CompareResult, CompareTarget, DeleteOp, PutOp, Span, Txn, TxnDone
from storage.records import Batch
from tests.faults.records import (
    PREFIX,
    TIMED,
    Acknowledged,
    Alarm,
    Asked,
    Begun,
    Counted,
    Ended,
    Entry,
    Opened,
    Part,
    Reached,
    Read,
    Refused,
    Told,
    Unknown,
    value_of,
)

Note = Callable[[Entry], None]

WRITERS: Final = 8
OWN_KEYS: Final = 3
SHARED_KEYS: Final = 6
SHARED_SHARE: Final = 0.2
TXN_SHARE: Final = 0.15
PROBE_S: Final = 0.01
"""Between two reads of a reader who does nothing else."""

ALARM_S: Final = 0.1
"""Between two looks at what the store says of itself."""

TIMED_S: Final = 0.3
"""Between two keys with a TTL."""

TTLS_S: Final = (1, 2, 3)
PAUSE_S: Final = 0.02
"""Before a writer that was refused for no fault of its own tries again."""

END_S: Final = 30.0
"""How long watches may take to tell the last at the end."""

STEPS_A_WRITER: Final = 1 << 20
"""Numbers of writes: those of each writer are apart."""

UNWRITTEN: Final = PREFIX + b"unwritten"
STORIES: Final = {"all": PREFIX, "all2": PREFIX, "own": PREFIX + b"1", "late": PREFIX}
"""The watches, and what each is of; ``late`` begins anew now and then, somewhere in the past."""


@runtime_checkable
class Transacting(Protocol):
    """A store that knows transactions."""

    def txn(self, txn: Txn) -> Awaitable[TxnDone]: ...


class Load:
    """Writes until it is told to stop, whatever happens to the store."""

    def __init__(self, store: Store, note: Note, clock: Clock, *, seed: str, first: int) -> None:
        """``first``: the number of the first writer; no two of a whole story share one."""
        self._store = store
        self._note = note
        self._clock = clock
        self._random = Random(seed)
        self._first = first
        self._reads = first * STEPS_A_WRITER
        self._tellers: dict[str, Teller] = {}
        self._alarm = ""

    async def run(
        self, stop: asyncio.Event, after: dict[str, int], *, writers: int, timed: bool = False
    ) -> None:
        """Write and watch, the stories going on ``after`` the revisions given; then settle.

        ``timed``: also write keys that end by themselves.
        """
        start = self._store.current_revision()
        for name, prefix in STORIES.items():
            self._open(name, prefix, after.get(name, start))
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(each) for each in (self._reopen(), self._look())]
            beside.append(group.create_task(self._read()))
            async with asyncio.TaskGroup() as callers:
                for number in range(writers):
                    callers.create_task(self._writer(self._first + number, number, stop))
                if timed:
                    callers.create_task(self._write_timed(self._first + writers, stop))
            for task in beside:
                task.cancel()
        await self._settle()
        for teller in self._tellers.values():
            teller.close()

    def _open(self, name: str, prefix: bytes, after: int) -> None:
        teller = Teller(name, self._note, self._clock, after)
        self._tellers[name] = teller
        self._note(Opened(self._clock.stamp_ns(), name, prefix, after))
        teller.watch = self._store.watch(prefix, teller, after=after)

    async def _reopen(self) -> None:
        """Begin ``late`` anew, again and again; go on at the end with what has ended."""
        random, store = Random(self._random.random()), self._store
        turn = 0
        while True:
            await asyncio.sleep(0.05)
            turn += 1
            for name, prefix in STORIES.items():
                teller = self._tellers[name]
                if name == "late" and turn % 10 == 0 and not teller.ended:
                    teller.close()
                    now, oldest = store.current_revision(), store.oldest_revision()
                    self._open(name, prefix, random.randint(max(oldest, now - 300), now))
                elif teller.ended:
                    self._open(name, prefix, store.current_revision())

    async def _look(self) -> None:
        """Note each change of the alarm."""
        while True:
            await self.look()
            await asyncio.sleep(ALARM_S)

    async def look(self) -> None:
        """Note the alarm, if it has changed."""
        with suppress(StoreUnavailableError):
            self._note_alarm((await self._store.status()).alarm)

    def _note_alarm(self, why: str) -> None:
        if why != self._alarm:
            self._note(Alarm(self._clock.stamp_ns(), why))
        self._alarm = why

    async def _read(self) -> None:
        """Read a key that nobody writes, again and again."""
        reader = Writer(self, 0, 0, self._random)
        while True:
            await reader.learn(UNWRITTEN)
            await asyncio.sleep(PROBE_S)

    async def _write_timed(self, number: int, stop: asyncio.Event) -> None:
        """Make keys that end by themselves, each once."""
        random, made = Random(self._random.random()), number * STEPS_A_WRITER
        while not stop.is_set():
            made += 1
            key, ttl_s = TIMED + b"%d" % made, random.choice(TTLS_S)
            begun = Begun(self._clock.stamp_ns(), made, (Part(key, value_of(made), 0),), ttl_s)
            writer = Writer(self, number, 0, random)
            await writer.write(begun)
            await asyncio.sleep(TIMED_S)

    async def _settle(self) -> None:
        try:
            async with asyncio.timeout(END_S):
                last = await self._latest()
                for teller in self._tellers.values():
                    await teller.reach(last)
                status = await self._store.status()
        except TimeoutError:
            return  # the oracle finds what has not been told
        self._note_alarm(status.alarm)
        self._note(Counted(self._clock.stamp_ns(), last, status.commits, status.writes))

    async def _latest(self) -> int:
        while True:
            try:
                return await self._store.latest_revision()
            except StoreUnavailableError:
                await asyncio.sleep(PAUSE_S)

    async def _writer(self, number: int, place: int, stop: asyncio.Event) -> None:
        writer = Writer(self, number, place, Random(self._random.random()))
        # A disk may fail in the very moment of the stop, and must be seen to be well again.
        while not stop.is_set() or writer.read_only:
            await writer.step()


class Writer:
    """One caller, who waits for each answer."""

    def __init__(self, load: Load, number: int, place: int, random: Random) -> None:
        self.read_only = False
        """Whether the store was read-only, and has taken none of its writes since."""
        self._load = load
        self._store, self._note, self._clock = load._store, load._note, load._clock
        self._random = random
        self._number = number * STEPS_A_WRITER
        self._own = [PREFIX + b"%d/%d" % (place, each) for each in range(OWN_KEYS)]
        self._shared = [PREFIX + b"shared/%d" % each for each in range(SHARED_KEYS)]
        self._at: dict[bytes, int] = {}
        """The revisions of keys, as this writer was told; 0: not there; missing: not known."""

    async def step(self) -> None:
        """Make one write."""
        random = self._random
        count = 1
        if random.random() < TXN_SHARE and isinstance(self._store, Transacting):
            count = random.randint(2, 4)
        shared = random.random() < SHARED_SHARE
        keys = random.sample(self._shared if shared else self._own, min(count, OWN_KEYS))
        if shared and random.random() < 0.5:
            for key in keys:
                self._at.pop(key, None)
        for key in keys:
            if key not in self._at:
                await self.learn(key)
        self._number += 1
        parts = tuple(self._part(key, place) for place, key in enumerate(keys))
        await self.write(Begun(self._clock.stamp_ns(), self._number, parts))

    def _part(self, key: bytes, place: int) -> Part:
        at = self._at[key]
        delete = at and self._random.random() < 0.2
        return Part(key, None if delete else value_of(self._number, place), at)

    async def write(self, begun: Begun) -> None:
        self._note(begun)
        revision = 0
        error: StoreError | None = None
        try:
            revision = await self._send(begun)
        except StoreError as met:
            error = met
        at_ns, number = self._clock.stamp_ns(), begun.number
        if error is None and revision:
            self._note(Acknowledged(at_ns, number, revision))
            self.read_only = False
            for part in begun.parts:
                self._at[part.key] = 0 if part.value is None else revision
            return
        self.read_only = self.read_only or isinstance(error, ReadOnlyError)
        for part in begun.parts:
            self._at.pop(part.key, None)
        if isinstance(error, UnknownOutcomeError):
            self._note(Unknown(at_ns, number))
        else:
            self._note(Refused(at_ns, number, type(error).__name__ if error else "compared"))
        if isinstance(error, ReadOnlyError):  # it may be over before the next look
            await self._load.look()
        await asyncio.sleep(0 if error is None else PAUSE_S)

    async def _send(self, begun: Begun) -> int:
        """Return the revision; 0 where a compare of a transaction failed."""
        store = self._store
        if len(begun.parts) > 1:
            assert isinstance(store, Transacting)
            done = await store.txn(_txn(begun.parts))
            return done.revision if done.succeeded else 0
        (part,) = begun.parts
        if part.value is None:
            return await store.delete(part.key, expected=part.on)
        if part.on:
            return await store.update(part.key, part.value, expected=part.on)
        return await store.create(part.key, part.value, ttl_s=begun.ttl_s)

    async def learn(self, key: bytes) -> None:
        """Read until there is an answer."""
        load = self._load
        while True:
            load._reads += 1
            number = load._reads
            self._note(Asked(self._clock.stamp_ns(), number, key))
            try:
                found = await self._store.get(key)
            except StoreUnavailableError:
                await asyncio.sleep(PAUSE_S)
                continue
            value, revision = (None, 0) if found is None else (found.value, found.revision)
            self._note(Read(self._clock.stamp_ns(), number, value, revision))
            self._at[key] = revision
            return


class Teller:
    """A watcher that notes what it is told."""

    def __init__(self, name: str, note: Note, clock: Clock, after: int) -> None:
        self.watch: object = None
        self.ended = False
        self._name = name
        self._note = note
        self._clock = clock
        self._reached = after
        self._news = asyncio.Event()

    def deliver(self, batch: Batch) -> None:
        at_ns = self._clock.stamp_ns()
        for change in batch.changes:
            self._note(Told(at_ns, self._name, change.revision, change.key, change.value))
        self._note(Reached(at_ns, self._name, batch.revision))
        self._reached = batch.revision
        self._news.set()

    def closed(self, error: StoreError) -> None:
        self._note(Ended(self._clock.stamp_ns(), self._name, type(error).__name__))
        self.ended = True
        self._news.set()

    async def reach(self, revision: int) -> None:
        """Wait until it has been told everything up to a revision, or has ended."""
        while self._reached < revision and not self.ended:
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        """End the watch: nothing is told after this."""
        cancel = getattr(self.watch, "cancel", None)
        if cancel is not None:
            cancel()


def _txn(parts: tuple[Part, ...]) -> Txn:
    """Return what writes several keys if all are where they were."""
    compares = tuple(
        Compare(Span(part.key), CompareTarget.MOD, CompareResult.EQUAL, part.on) for part in parts
    )
    return Txn(
        compares,
        tuple(
            DeleteOp(Span(part.key)) if part.value is None else PutOp(part.key, part.value)
            for part in parts
        ),
    )
