"""What the store suite repeats: single operations, by each engine's own data model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

from storage.clock import SystemClock
from storage.engine.store import EngineStore
from storage.errors import StoreError
from storage.etcd2.interface import KeysApi
from storage.etcd2.model import KEYS, Event, Method, Request
from storage.etcd2.opening import etcd2_engine
from storage.mvcc import PutOp, RangeOp, Span, Txn
from storage.records import Batch
from storage.registry import STORES, StoreOptions

VALUE_BYTES: Final = 1144
"""A running pod in protobuf."""
PREFIX: Final = b"/registry/pods/default/"
PAGE: Final = 500
TOGETHER: Final = 64
WATCHES: Final = 100
VALUE: Final = b"v" * VALUE_BYTES
TEXT: Final = VALUE.decode()
STAMP_DIGITS: Final = 19

Step = Callable[[], Awaitable[object]]


class Bench(Protocol):
    """An open engine with a page of keys, and the steps that are measured on it."""

    heard: int
    """Changes that watches were told of."""

    async def fill(self) -> None:
        """Write every key once."""
        ...

    async def put(self) -> None:
        """Write a key, whatever it holds."""
        ...

    async def put_together(self) -> None:
        """Write 64 keys at once."""
        ...

    async def update(self) -> None:
        """Write a key at the revision that it has, as the API server does."""
        ...

    async def get(self) -> None:
        """Read a key."""
        ...

    async def range(self) -> None:
        """Read all 500 keys."""
        ...

    def watched(self) -> Step:
        """Open a hundred watches; return a put that all are told of before its answer."""
        ...

    def revision(self) -> int:
        """Return the engine's revision."""
        ...


class Deaf:
    """Is told of changes, and counts them; of both sorts of watches."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told = told

    def deliver(self, batch: Batch) -> None:
        self._told(len(batch.changes))

    def closed(self, error: StoreError) -> None:
        """Nothing is left to hear."""

    def tell(self, event: Event) -> None:
        self._told(1)

    def cleared(self) -> None:
        """Nothing is left to hear."""


class RevisionsBench:
    """An engine with revisions."""

    def __init__(self, store: EngineStore) -> None:
        self._store = store
        self._keys = [b"%spod-%05d" % (PREFIX, number) for number in range(PAGE)]
        self._revisions: list[int] = []
        self._step = 0
        self.heard = 0

    async def fill(self) -> None:
        made = [self._store.create(key, VALUE) for key in self._keys]
        self._revisions = [await each for each in made]

    async def put(self) -> None:
        await self._store.txn(Txn((), (PutOp(self._keys[0], VALUE),)))

    async def put_together(self) -> None:
        puts = [PutOp(key, VALUE) for key in self._keys[:TOGETHER]]
        for each in [self._store.txn(Txn((), (put,))) for put in puts]:
            await each

    async def update(self) -> None:
        self._step += 1
        value = b"%019d" % self._step + VALUE[STAMP_DIGITS:]
        revisions = self._revisions
        revisions[0] = await self._store.update(self._keys[0], value, expected=revisions[0])

    async def get(self) -> None:
        await self._store.get(self._keys[7])

    async def range(self) -> None:
        await self._store.range(RangeOp(Span(PREFIX, PREFIX[:-1] + b"0")))

    def watched(self) -> Step:
        for _ in range(WATCHES):
            self._store.watch(PREFIX, Deaf(self._tell), after=self._store.current_revision())
        return self.put

    def _tell(self, count: int) -> None:
        self.heard += count

    def revision(self) -> int:
        return self._store.current_revision()


class KeysBench:
    """An engine of etcd 2."""

    def __init__(self, engine: KeysApi) -> None:
        self._engine = engine
        self._directory = KEYS + PREFIX.decode().rstrip("/")
        self._paths = [f"{self._directory}/pod-{number:05d}" for number in range(PAGE)]
        self._indexes: list[int] = []
        self._step = 0
        self.heard = 0

    async def fill(self) -> None:
        do = self._engine.do
        made = [do(Request(Method.PUT, path, TEXT, prev_exist=False)) for path in self._paths]
        self._indexes = [(await each).node.modified for each in made]

    async def put(self) -> None:
        await self._engine.do(Request(Method.PUT, self._paths[0], TEXT))

    async def put_together(self) -> None:
        do = self._engine.do
        for each in [do(Request(Method.PUT, path, TEXT)) for path in self._paths[:TOGETHER]]:
            await each

    async def update(self) -> None:
        self._step += 1
        text = f"{self._step:019d}" + TEXT[STAMP_DIGITS:]
        request = Request(Method.PUT, self._paths[0], text, prev_index=self._indexes[0])
        self._indexes[0] = (await self._engine.do(request)).node.modified

    async def get(self) -> None:
        self._engine.get(self._paths[7])

    async def range(self) -> None:
        self._engine.get(self._directory, recursive=True, sort=True)

    def watched(self) -> Step:
        for _ in range(WATCHES):
            self._engine.watch(self._directory, Deaf(self._tell), recursive=True, stream=True)
        return self.put

    def _tell(self, count: int) -> None:
        self.heard += count

    def revision(self) -> int:
        return self._engine.index


@asynccontextmanager
async def _revisions(engine: str, directory: Path) -> AsyncIterator[Bench]:
    made = STORES[engine].make(StoreOptions(data_dir=directory))
    assert isinstance(made, EngineStore)
    async with made as store:
        yield RevisionsBench(store)


@asynccontextmanager
async def _keys(_engine: str, directory: Path) -> AsyncIterator[Bench]:
    async with etcd2_engine(directory, clock=SystemClock()) as engine:
        yield KeysBench(engine)


BENCHES: Final[dict[str, Callable[[str, Path], AbstractAsyncContextManager[Bench]]]] = {
    "memory": _revisions,
    "etcd3": _revisions,
    "etcd2": _keys,
}
"""By engine; each is opened on a directory of its own."""
