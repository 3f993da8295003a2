"""The load: many callers of one engine of etcd 2, reporting what they do, a line a system call.

Snapshots are taken and segments filled a hundred times as often as they would be in earnest.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

from storage.clock import SystemClock
from storage.etcd2.engine import Etcd2Engine
from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.model import KEYS, Method, Request
from storage.etcd2.opening import etcd2_engine
from tests.storage.durability.journal import value_of

CALLERS = 24
SHARED_KEYS = 12
SNAPSHOT_EACH = 120
SEGMENT_BYTES = 60_000

REFUSALS = (Code.TEST_FAILED, Code.NODE_EXIST, Code.KEY_NOT_FOUND)
"""Of writes that were judged against what another has changed meanwhile."""


def engine_at(folder: Path, *, sync: bool, inline_commits: bool = False) -> Etcd2Engine:
    """Return the engine that is proved."""
    return etcd2_engine(
        folder,
        clock=SystemClock(),
        sync=sync,
        inline_commits=inline_commits,
        snapshot_each=SNAPSHOT_EACH,
        segment_bytes=SEGMENT_BYTES,
    )


class Load:
    """One opening of the engine: callers that write until ``writes`` are done (0: for ever)."""

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
        async with engine_at(self._folder, sync=sync) as engine:
            self._say(b"o %d %d" % (engine.index, engine.oldest_index))
            async with asyncio.TaskGroup() as callers:
                for number in range(CALLERS):
                    callers.create_task(self._call(engine, self._first_writer + number))

    async def _call(self, engine: Etcd2Engine, writer: int) -> None:
        random = Random(self._random.random())
        own = [f"{KEYS}/own/{writer % CALLERS}/{number}" for number in range(4)]
        shared = [f"{KEYS}/shared/{number}" for number in range(SHARED_KEYS)]
        step = 0
        while self._left > 0:
            self._left -= 1
            step += 1
            path = random.choice(own if random.random() < 0.7 else shared)
            try:
                at = engine.get(path).node.modified
            except Etcd2Error:
                at = 0
            # Others write the shared keys, too; an index read a turn ago may be old by now.
            if random.random() < 0.2:
                await asyncio.sleep(0)
            await self._write(engine, path, at, (writer, step), random)

    async def _write(
        self, engine: Etcd2Engine, path: str, at: int, who: tuple[int, int], random: Random
    ) -> None:
        kind = b"create" if not at else b"delete" if random.random() < 0.2 else b"update"
        self._say(b"? %d %d %s %s" % (*who, kind, path.encode()))
        value = value_of(*who).decode()
        request = Request(Method.PUT, path, value, prev_index=at)
        if kind == b"create":
            request = request._replace(prev_exist=False)
        elif kind == b"delete":
            request = Request(Method.DELETE, path, prev_index=at)
        try:
            event = await engine.do(request)
        except Etcd2Error as error:
            if error.code not in REFUSALS:
                raise
            self._say(b"x %d %d" % who)
        else:
            self._say(b"! %d %d %d" % (*who, event.node.modified))

    def _say(self, line: bytes) -> None:
        os.write(self._pipe, line + b"\n")
