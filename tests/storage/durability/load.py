"""The load: many callers of one store, reporting what they do, each line one system call."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

from storage.clock import SystemClock
from storage.engine.store import EngineStore
from storage.errors import CompactedError, ConflictError, KeyExistsError, KeyNotFoundError
from storage.interface import Store
from storage.mvcc import Compare, CompareResult, CompareTarget, DeleteOp, PutOp, Span, Txn
from storage.registry import STORES, StoreOptions
from tests.storage.durability.journal import value_of

CALLERS = 24
SHARED_KEYS = 12
TXN_SHARE = 0.2
"""Of the writes, those that are transactions over several keys."""

COMPACT_EACH = 300
"""Revisions between two compactions."""


class Load:
    """One opening of the store: callers that write until ``writes`` are done (0: for ever)."""

    def __init__(
        self, folder: Path, pipe: int, seed: str, *, first_writer: int, writes: int
    ) -> None:
        self._folder = folder
        self._pipe = pipe
        self._random = Random(seed)
        self._first_writer = first_writer
        self._left = writes or (1 << 60)

    async def run(self, *, sync: bool = True) -> None:
        """Open, write, close."""
        options = StoreOptions(data_dir=self._folder, clock=SystemClock(), sync=sync)
        made = STORES["etcd3"].make(options)
        assert isinstance(made, EngineStore)
        async with made as store, asyncio.TaskGroup() as tasks:
            self._say(b"o %d %d" % (store.current_revision(), store.oldest_revision()))
            compacting = tasks.create_task(self._compact(store))
            async with asyncio.TaskGroup() as callers:
                for number in range(CALLERS):
                    callers.create_task(self._call(store, self._first_writer + number))
            compacting.cancel()

    async def _call(self, store: EngineStore, writer: int) -> None:
        random = Random(self._random.random())
        own = [b"/own/%d/%d" % (writer % CALLERS, number) for number in range(4)]
        shared = [b"/shared/%d" % number for number in range(SHARED_KEYS)]
        step = 0
        while self._left > 0:
            self._left -= 1
            step += 1
            if random.random() < TXN_SHARE:
                keys = random.sample(own + shared, random.randint(2, 5))
                await self._transact(store, keys, (writer, step), random)
                continue
            key = random.choice(own if random.random() < 0.7 else shared)
            current = await store.get(key)
            # Others write the shared keys, too; a revision read a turn ago may be old by now.
            if random.random() < 0.2:
                await asyncio.sleep(0)
            await self._write(
                store, key, current.revision if current else 0, (writer, step), random
            )

    async def _write(
        self, store: Store, key: bytes, at: int, who: tuple[int, int], random: Random
    ) -> None:
        kind = "create" if not at else "delete" if random.random() < 0.2 else "update"
        self._say(b"? %d %d %s %s" % (*who, kind.encode(), key))
        try:
            if kind == "create":
                revision = await store.create(key, value_of(*who))
            elif kind == "update":
                revision = await store.update(key, value_of(*who), expected=at)
            else:
                revision = await store.delete(key, expected=at)
        except (ConflictError, KeyExistsError, KeyNotFoundError):
            self._say(b"x %d %d" % who)
        else:
            self._say(b"! %d %d %d" % (*who, revision))

    async def _transact(
        self, store: EngineStore, keys: list[bytes], who: tuple[int, int], random: Random
    ) -> None:
        """Write several keys at one revision, if nobody else has since they were read."""
        compares: list[Compare] = []
        ops: list[PutOp | DeleteOp] = []
        words: list[bytes] = []
        for place, key in enumerate(keys):
            current = await store.get(key)
            at = current.revision if current else 0
            compares.append(Compare(Span(key), CompareTarget.MOD, CompareResult.EQUAL, at))
            if at and random.random() < 0.3:
                ops.append(DeleteOp(Span(key)))
                words.append(b"-" + key)
            else:
                ops.append(PutOp(key, value_of(*who, place)))
                words.append(key)
        self._say(b"? %d %d txn %s" % (*who, b" ".join(words)))
        done = await store.txn(Txn(tuple(compares), tuple(ops)))
        if done.succeeded:
            self._say(b"! %d %d %d" % (*who, done.revision))
        else:
            self._say(b"x %d %d" % who)

    async def _compact(self, store: Store) -> None:
        last = store.oldest_revision()
        while True:
            await asyncio.sleep(0.001)
            target = store.current_revision() - 40
            if target < last + COMPACT_EACH:
                continue
            last = target
            self._say(b"c %d" % target)
            try:
                await store.compact(target)
            except CompactedError:
                continue
            self._say(b"C %d" % target)

    def _say(self, line: bytes) -> None:
        os.write(self._pipe, line + b"\n")
