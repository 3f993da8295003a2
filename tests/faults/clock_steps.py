"""Clock steps: the wall clock is set by seconds to days, forward and back, among TTLs.

In process this is played in virtual time, over restarts; served, in real time, by a server in this
process whose clock is set. The package's docstring says what must happen.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Final

from storage.clock import Clock, SystemClock
from storage.errors import ConflictError, KeyExistsError, KeyNotFoundError
from storage.etcd2.expiry_timer import SYNC_S
from storage.interface import Store
from storage.records import Batch
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.faults import wall_clock
from tests.faults.load import Teller
from tests.faults.oracle import Oracle
from tests.faults.outcome import Outcome
from tests.faults.processes import LoadProcess
from tests.faults.records import (
    PREFIX,
    TIMED,
    Acknowledged,
    Begun,
    Ending,
    Entry,
    Item,
    Opened,
    Part,
    Refused,
    value_of,
)
from tests.faults.served_here import served_here
from tests.faults.subjects import Subject, ending_of
from tests.faults.wall_clock import Life, Step, SteppedClock

STEPS_S: Final = (1, 5, 60, 600, 3600, 86_400, 3 * 86_400)
TTLS_S: Final = (1, 3, 10, 60, 600)
OPENINGS: Final = 3
WRITES: Final = 25
GRACE_S: Final = 1.0
"""How long after its time a key may still be there, where nothing else takes any time."""

GRACE_WALL_S: Final = SYNC_S + 1.0
"""The same where a clock that was set forward is only noticed at the next tick."""

GRACE_SERVED_S: Final = 15.0
PLAYED_S: Final = 0.5
END_S: Final = 40 * 86_400.0
"""No step and no TTL reaches further."""


def why_not(subject: Subject) -> str:  # all keep time
    """Say why it is not played to a subject: it is to all."""
    return ""


def play(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    """Play each round on data of its own."""
    total = Outcome()
    for number in range(rounds):
        below = folder / f"{number}"
        below.mkdir()
        if subject.api:
            total.add(asyncio.run(_served(subject, chance, below)))
        else:
            total.add(InProcess(subject, chance, below).played())
    return total


class InProcess:
    """One round in virtual time: openings, the clock set within them and between."""

    def __init__(self, subject: Subject, chance: Random, folder: Path) -> None:
        self._subject = subject
        self._chance = chance
        self._folder = folder
        self.entries: list[Entry] = []
        self._number = 0
        self._base_s = 0.0
        """True time before this opening."""
        self._offset_s = 0.0
        self._steps = [Step(0.0, 0.0)]
        self._lives: dict[bytes, Life] = {}
        self._at: dict[bytes, int] = {}
        self._reached = 1
        self._by_wall = subject.engine == "etcd2"
        """TTLs go by the wall clock, always."""

    def played(self) -> Outcome:
        """Play and judge."""
        ending = Ending(0, {})
        for number in range(OPENINGS if self._subject.durable else 1):
            if number:
                self._offset_s += self._step()
            last = not self._subject.durable or number == OPENINGS - 1
            ending = run_virtual(self._opening(last=last))
        oracle = Oracle(ends=self._subject.ends)
        found = oracle.judge(self.entries, ending)
        lives, steps = list(self._lives.values()), self._steps
        grace_s = GRACE_WALL_S if self._by_wall else GRACE_S
        found += wall_clock.judge(lives, steps, now_s=self._base_s, grace_s=grace_s)
        return Outcome.of(oracle, 1, found)

    async def _opening(self, *, last: bool) -> Ending:
        clock = VirtualClock()
        clock.offset_s = self._base_s + self._offset_s
        options = StoreOptions(
            data_dir=self._folder / "data", clock=clock, inline_commits=True, sync=False
        )
        self._steps.append(Step(self._base_s, self._offset_s))
        async with STORES[self._subject.engine].make(options) as store:
            self.entries.append(Opened(self._now_ns(), "all", PREFIX, self._reached))
            watch = store.watch(PREFIX, _Telling(self, clock, self._reached), after=self._reached)
            for _ in range(WRITES):
                await self._write(store)
                await asyncio.sleep(self._chance.choice((0.01, 0.3, 2.0, 20.0)))
                if self._chance.random() < 0.2:
                    step_s = self._step()
                    self._offset_s += step_s
                    clock.offset_s += step_s
                    if self._by_wall:
                        self._steps.append(Step(self._now_s(), self._offset_s))
            if last:
                await asyncio.sleep(max(0.0, END_S - self._base_s - self._loop_s()))
            watch.cancel()
            items = (await store.list(PREFIX)).items
            found = {item.key: Item(item.value, item.revision) for item in items}
            ending = Ending(store.current_revision(), found)
            self._base_s = self._now_s() + 0.01
        return ending

    def _step(self) -> float:
        """Return by how much the clock is set; in all not so far that time would end."""
        step_s = self._chance.choice(STEPS_S) * self._chance.choice((-1, 1))
        return step_s if abs(self._offset_s + step_s) < 10 * 86_400 else -step_s

    async def _write(self, store: Store) -> None:
        self._number += 1
        number, chance = self._number, self._chance
        ttl_s = chance.choice(TTLS_S) if chance.random() < 0.6 else 0
        key = TIMED + b"%d" % number if ttl_s else PREFIX + b"%d" % chance.randint(0, 3)
        on = self._at.get(key, 0)
        value = None if on and chance.random() < 0.2 else value_of(number)
        sent_s = self._now_s()
        self.entries.append(Begun(self._now_ns(), number, (Part(key, value, on),), ttl_s))
        try:
            if value is None:
                revision = await store.delete(key, expected=on)
            elif on:
                revision = await store.update(key, value, expected=on)
            else:
                revision = await store.create(key, value, ttl_s=ttl_s)
        except (ConflictError, KeyExistsError, KeyNotFoundError) as error:
            self.entries.append(Refused(self._now_ns(), number, type(error).__name__))
            return
        self.entries.append(Acknowledged(self._now_ns(), number, revision))
        self._at[key] = 0 if value is None else revision
        if ttl_s:
            self._lives[key] = Life(key, ttl_s, sent_s, self._now_s(), None)

    def tell(self, batch: Batch) -> None:
        """Note which keys have ended."""
        self._reached = batch.revision
        for change in batch.changes:
            life = self._lives.get(change.key)
            if change.value is None and life is not None:
                self._lives[change.key] = life._replace(ended_s=self._now_s())

    def _loop_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _now_s(self) -> float:
        return self._base_s + self._loop_s()

    def _now_ns(self) -> int:
        return round(self._now_s() * 1e9)


class _Telling(Teller):
    """Tells a story, and the round."""

    def __init__(self, played: InProcess, clock: Clock, after: int) -> None:
        super().__init__("all", played.entries.append, clock, after)
        self._played = played

    def deliver(self, batch: Batch) -> None:
        super().deliver(batch)
        self._played.tell(batch)


async def _served(subject: Subject, chance: Random, folder: Path) -> Outcome:
    """Set the clock of a server twice while it is written to."""
    entries: list[Entry] = []
    system = SystemClock()
    clock = SteppedClock(system)
    steps = [Step(0.0, 0.0)]
    async with served_here(subject, folder, clock) as here:
        with LoadProcess(here.url, folder, entries) as load:
            load.start(f"{chance.random()}", writers=3, timed=True)
            await asyncio.to_thread(load.wait_open)
            for _ in range(2):
                await asyncio.to_thread(load.wait, PLAYED_S)
                clock.step_s += chance.choice(STEPS_S) * chance.choice((-1, 1))
                if subject.api == 2:
                    steps.append(Step(system.stamp_ns() / 1e9, clock.step_s))
            await asyncio.to_thread(load.wait, PLAYED_S)
            await asyncio.to_thread(load.finish)
        ending = await asyncio.to_thread(ending_of, here.url)
    oracle = Oracle(ends=subject.ends)
    found = oracle.judge(entries, ending)
    now_s = entries[-1].at_ns / 1e9
    found += wall_clock.judge(
        wall_clock.lives_in(entries),
        steps,
        now_s=now_s,
        grace_s=GRACE_SERVED_S,
    )
    return Outcome.of(oracle, 1, found)
