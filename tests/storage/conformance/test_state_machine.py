"""Random bursts of operations against the model: answers, states, pages and watches agree."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import ConflictError, KeyExistsError, StoreError
from storage.interface import Store
from storage.registry import StoreEntry, StoreOptions
from tests.storage.model import Model
from tests.storage.recorder import Recorder

KEYS = [b"/a/1", b"/a/2", b"/a/20", b"/b/1", b"/b", b"/b0", b"/c\xff", b"/c\xff\xff"]
PREFIXES = [b"", b"/", b"/a/", b"/b", b"/c\xff", b"/none"]


class Op(NamedTuple):
    """One operation; what the numbers mean depends on its kind."""

    kind: str
    key: bytes
    prefix: bytes
    value: bytes
    number: int


OPS = st.builds(
    Op,
    st.sampled_from(
        ["create"] * 4
        + ["update"] * 6
        + ["delete"] * 3
        + ["settle", "list", "get", "watch", "compact", "reopen"]
    ),
    st.sampled_from(KEYS),
    st.sampled_from(PREFIXES),
    st.sampled_from([b"", b"x", b"yy"]),
    st.integers(0, 6),
)

Outcome = tuple[str, object]


def outcome_of(call: Callable[[], object]) -> Outcome:
    try:
        return "ok", call()
    except StoreError as error:
        return describe(error)


def describe(error: StoreError) -> Outcome:
    current = error.current if isinstance(error, KeyExistsError | ConflictError) else None
    return type(error).__name__, (str(error), current)


async def settled(answer: Awaitable[object]) -> Outcome:
    try:
        return "ok", await answer
    except StoreError as error:
        return describe(error)


class Comparison:
    """Plays operations on a store and on the model, and compares what they answer."""

    def __init__(self, entry: StoreEntry, folder: Path) -> None:
        self.entry = entry
        self.options = StoreOptions(data_dir=folder, sync=False)
        self.model = Model()
        self.waiting: list[tuple[Awaitable[object], Outcome]] = []
        self.watches: list[tuple[bytes, int, Recorder]] = []

    async def play(self, ops: list[Op]) -> None:
        self.store: Store = await self.entry.make(self.options).__aenter__()
        try:
            for op in ops:
                await getattr(self, op.kind)(op)
            await self.settle(None)
            await self.compare_state()
        finally:
            await self.store.__aexit__()

    async def create(self, op: Op) -> None:
        expected = outcome_of(lambda: self.model.create(op.key, op.value))
        self.waiting.append((self.store.create(op.key, op.value), expected))

    async def update(self, op: Op) -> None:
        revision = self.expected(op)
        expected = outcome_of(lambda: self.model.update(op.key, op.value, revision))
        answer = self.store.update(op.key, op.value, expected=revision)
        self.waiting.append((answer, expected))

    async def delete(self, op: Op) -> None:
        revision = None if op.number > 3 else self.expected(op)
        expected = outcome_of(lambda: self.model.delete(op.key, revision))
        self.waiting.append((self.store.delete(op.key, expected=revision), expected))

    async def settle(self, _op: Op | None) -> None:
        for answer, expected in self.waiting:
            assert await settled(answer) == expected
        self.waiting.clear()
        assert self.store.current_revision() == self.model.revision

    async def list(self, op: Op) -> None:
        await self.settle(op)
        revision, limit, after = self.past(op), op.number % 4, op.key if op.number > 3 else b""
        expected = outcome_of(lambda: self.model.page(op.prefix, limit, after, revision))
        answer = self.store.list(op.prefix, limit=limit, after=after, revision=revision)
        assert await settled(answer) == expected
        assert await self.store.count(op.prefix) == len(self.model.page(op.prefix, 0, b"", 0).items)

    async def get(self, op: Op) -> None:
        await self.settle(op)
        revision = self.past(op)
        expected = outcome_of(lambda: self.model.get(op.key, revision))
        assert await settled(self.store.get(op.key, revision=revision)) == expected

    async def watch(self, op: Op) -> None:
        after = max(self.model.compacted, self.store.current_revision() - op.number)
        recorder = Recorder(after=after)
        self.store.watch(op.prefix, recorder, after=after)
        self.watches.append((op.prefix, after, recorder))

    async def compact(self, op: Op) -> None:
        await self.settle(op)
        await self.told()
        revision = self.model.revision + 1 - op.number
        expected = outcome_of(lambda: self.model.compact(revision))
        assert await settled(self.store.compact(revision)) == expected

    async def reopen(self, op: Op) -> None:
        if self.entry.capabilities.durable:
            await self.settle(op)
            await self.told()
            await self.store.__aexit__()
            self.watches.clear()
            self.store = await self.entry.make(self.options).__aenter__()

    async def told(self) -> None:
        for prefix, after, recorder in self.watches:
            await recorder.reach(self.model.revision)
            assert recorder.error is None
            assert recorder.changes == self.model.changes(prefix, after)

    async def compare_state(self) -> None:
        await self.told()
        assert await self.store.list(b"") == self.model.page(b"", 0, b"", 0)
        status = await self.store.status()
        state = self.model.state()
        assert status.keys == len(state)
        assert status.logical_bytes == sum(len(k) + len(kv.value) for k, kv in state.items())
        for revision in range(self.model.compacted, self.model.revision + 1):
            expected = self.model.page(b"", 0, b"", revision)
            assert await self.store.list(b"", revision=revision) == expected

    def expected(self, op: Op) -> int:
        """Mostly the key's pending revision, sometimes another."""
        current = self.model.state().get(op.key)
        return current.revision if current is not None and op.number else op.number

    def past(self, op: Op) -> int:
        """Revision 0 (the newest), an older one, or one too many."""
        return max(1, self.model.revision + 1 - op.number) if op.number else 0


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ops=st.lists(OPS, min_size=10, max_size=60))
def test_random_operations_agree_with_the_model(entry: StoreEntry, ops: list[Op]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(Comparison(entry, Path(folder)).play(ops))
