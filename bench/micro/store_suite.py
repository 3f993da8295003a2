"""``python -m bench.micro.store_suite``: the pyperf script of the store suite.

Single operations of the engines, in process and one after the other; each benchmark is named
``engine/operation``. A write to a durable engine includes its sync, so one caller's put is the
disk's figure, and 64 at once show what an operation costs beside it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import pyperf
import uvloop

from storage.engine.store import EngineStore
from storage.errors import StoreError
from storage.mvcc import PutOp, RangeOp, Span, Txn
from storage.records import Batch
from storage.registry import STORES, StoreOptions

MODULE: Final = "bench.micro.store_suite"
VALUE_BYTES: Final = 1144
"""A running pod in protobuf."""
PREFIX: Final = b"/registry/pods/default/"
PAGE: Final = 500
TOGETHER: Final = 64
WATCHES: Final = 100
VALUE: Final = b"v" * VALUE_BYTES


class Case(NamedTuple):
    """One benchmark."""

    engine: str
    operation: str

    @property
    def name(self) -> str:
        """Return its name in pyperf's files."""
        return "/".join(self)


Step = Callable[[], Awaitable[object]]


class Deaf:
    """A watcher that counts what it is told."""

    def __init__(self) -> None:
        self.heard = 0

    def deliver(self, batch: Batch) -> None:
        self.heard += len(batch.changes)

    def closed(self, error: StoreError) -> None:
        """Nothing is left to hear."""


class Bench:
    """A store with a page of keys, and the steps that are measured on it."""

    def __init__(self, store: EngineStore) -> None:
        self.store = store
        self.keys = [b"%spod-%05d" % (PREFIX, number) for number in range(PAGE)]
        self.revisions: list[int] = []
        self.watchers: list[Deaf] = []
        self._step = 0

    async def fill(self) -> None:
        """Write every key once."""
        self.revisions = [await each for each in [self.store.create(k, VALUE) for k in self.keys]]

    async def put(self) -> None:
        """Write a key, whatever it holds."""
        await self.store.txn(Txn((), (PutOp(self.keys[0], VALUE),)))

    async def put_together(self) -> None:
        """Write 64 keys at once, each by a transaction of its own."""
        for each in [self.store.txn(Txn((), (PutOp(key, VALUE),))) for key in self.keys[:TOGETHER]]:
            await each

    async def update(self) -> None:
        """Write a key at the revision that it has, as the API server does."""
        self._step += 1
        value = b"%019d" % self._step + VALUE[19:]
        self.revisions[0] = await self.store.update(self.keys[0], value, expected=self.revisions[0])

    async def get(self) -> None:
        """Read a key."""
        await self.store.get(self.keys[7])

    async def range(self) -> None:
        """Read all 500 keys."""
        await self.store.range(RangeOp(Span(PREFIX, PREFIX[:-1] + b"0")))

    def watched(self) -> Step:
        """Open a hundred watches; return a put that all are told of before its answer."""
        self.watchers = [Deaf() for _ in range(WATCHES)]
        for each in self.watchers:
            self.store.watch(PREFIX, each, after=self.store.current_revision())
        return self.put


OPERATIONS: Final[dict[str, Callable[[Bench], Step]]] = {
    "put": lambda bench: bench.put,
    f"put, {TOGETHER} at once": lambda bench: bench.put_together,
    "update": lambda bench: bench.update,
    "get": lambda bench: bench.get,
    f"range of {PAGE}": lambda bench: bench.range,
    f"put with {WATCHES} watches": Bench.watched,
}
TOLD_EACH: Final = {f"put, {TOGETHER} at once": TOGETHER}
"""Operations in one step, where they are more than one."""


def cases() -> list[Case]:
    """Return every benchmark, in the order of the table."""
    return [Case(engine, operation) for operation, engine in product(OPERATIONS, STORES)]


async def repeat(case: Case, loops: int, directory: Path) -> float:
    """Return the seconds that ``loops`` operations take on a store of their own."""
    made = STORES[case.engine].make(StoreOptions(data_dir=directory))
    assert isinstance(made, EngineStore)
    async with made as store:
        bench = Bench(store)
        await bench.fill()
        step, each = OPERATIONS[case.operation](bench), TOLD_EACH.get(case.operation, 1)
        begin = time.perf_counter()
        for _ in range(loops):
            await step()
        return (time.perf_counter() - begin) / each


def timed(loops: int, case: Case) -> float:
    """Return the seconds that ``loops`` operations take."""
    with (
        tempfile.TemporaryDirectory(prefix="kubedyno-micro-") as scratch,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(repeat(case, loops, Path(scratch)))


def main() -> None:
    """Run every benchmark under pyperf's own command line."""
    runner = pyperf.Runner(program_args=("-m", MODULE))
    for case in cases():
        runner.bench_time_func(case.name, timed, case)


if __name__ == "__main__":
    main()
