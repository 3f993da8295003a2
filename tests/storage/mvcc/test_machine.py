"""A state machine over each engine beside a naive model: transactions, ranges, watches, restarts.

Transactions are not awaited one by one: a rule issues a burst, and what is pending when the next
rule runs is part of the state. Single writes of ``Store`` stand between them.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storage.engine.key_index import row_of
from storage.engine.store import EngineStore
from storage.errors import StoreError
from storage.etcd3.backend import Etcd3Backend
from storage.etcd3.rows import row_key
from storage.memory.backend import MemoryBackend
from storage.mvcc import PutOp, RangeOp, Span, Txn, TxnDone
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, VirtualTimeLoop
from tests.storage.mvcc.maker import EVERY, KEYS, VALUES, Maker
from tests.storage.mvcc.model import Model
from tests.storage.recorder import Recorder

T = TypeVar("T")
Outcome = tuple[str, object]
SEEDS = st.integers(0, (1 << 32) - 1)


def outcome_of(call: Callable[[], object]) -> Outcome:
    try:
        return "ok", call()
    except StoreError as error:
        return type(error).__name__, str(error)


async def settled(answer: Awaitable[object]) -> Outcome:
    try:
        return "ok", await answer
    except StoreError as error:
        return type(error).__name__, str(error)


class MvccMachine(RuleBasedStateMachine):
    """One engine and its model."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.folder = Path(tempfile.mkdtemp())
        self.clock = VirtualClock()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.model = Model()
        self.waiting: list[tuple[Awaitable[object], Outcome]] = []
        self.watches: list[tuple[Span, int, Recorder]] = []
        self.run(self.open())

    def run(self, story: Coroutine[object, object, T]) -> T:
        return self.runner.run(story)

    def teardown(self) -> None:
        try:
            self.run(self.compare_all())
            self.run(self.store.__aexit__())
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    @rule(seed=SEEDS, count=st.integers(1, 3))
    def transact(self, seed: int, count: int) -> None:
        maker = Maker(seed)

        async def story() -> None:
            for txn in [maker.txn() for _ in range(count)]:
                note(repr(txn))
                applied = self.store.current_revision()
                answer = self.store.txn(txn)
                self.waiting.append(
                    (answer, outcome_of(partial(self.model.txn, txn, applied=applied)))
                )

        self.run(story())

    @rule(key=st.sampled_from(KEYS), value=st.sampled_from(VALUES))
    def create(self, key: bytes, value: bytes) -> None:
        """Write singly, as an API server does: between transactions, in the same groups."""

        async def story() -> None:
            if key in self.model.states[-1]:
                return
            answer = self.store.create(key, value)
            done = self.model.txn(Txn((), (PutOp(key, value),)))
            self.waiting.append((answer, ("ok", done.revision)))

        self.run(story())

    @rule(key=st.sampled_from(KEYS), value=st.sampled_from(VALUES))
    def update(self, key: bytes, value: bytes) -> None:
        async def story() -> None:
            current = self.model.states[-1].get(key)
            if current is None or (current.value == value and not current.lease):
                return
            answer = self.store.update(key, value, expected=current.revision)
            done = self.model.txn(Txn((), (PutOp(key, value),)))
            self.waiting.append((answer, ("ok", done.revision)))

        self.run(story())

    @rule(seed=SEEDS)
    def look(self, seed: int) -> None:
        maker = Maker(seed)

        async def story() -> None:
            await self.settle()
            for op in [maker.range() for _ in range(10)]:
                note(repr(op))
                expected = outcome_of(lambda: (self.model.range(op), self.model.revision))  # noqa: B023  # at once
                assert await settled(self.store.range(op)) == expected

        self.run(story())

    @rule(seed=SEEDS, back=st.integers(0, 8))
    def watch(self, seed: int, back: int) -> None:
        span = Maker(seed).span()

        async def story() -> None:
            after = max(self.model.compacted, self.store.current_revision() - back)
            recorder = Recorder(after=after)
            self.store.watch_span(span, recorder, after=after)
            self.watches.append((span, after, recorder))

        self.run(story())

    @rule(back=st.integers(0, 6))
    def compact(self, back: int) -> None:
        async def story() -> None:
            await self.settle()
            await self.told()
            revision = self.model.revision + 1 - back
            expected = outcome_of(lambda: self.model.compact(revision))
            assert await settled(self.store.compact(revision)) == expected
            await asyncio.sleep(1)
            self.nothing_is_left_over()

        self.run(story())

    @rule(lease=st.sampled_from([7, 8]), by_time=st.booleans())
    def lease(self, lease: int, *, by_time: bool) -> None:
        """Grant it, or let it end with all its keys at one revision."""

        async def story() -> None:
            await self.settle()
            if lease not in self.model.leases:
                await self.store.leases.grant(1000, lease_id=lease)
                self.model.leases.add(lease)
            elif not by_time:
                assert await self.store.leases.revoke(lease) == self.model.revoke(lease)
            else:
                for other in self.model.leases - {lease}:
                    await self.store.leases.keep_alive(other)
                # The other's time must not come, too: it is kept alive half-way.
                await asyncio.sleep(999)
                for other in self.model.leases - {lease}:
                    await self.store.leases.keep_alive(other)
                await asyncio.sleep(2)
                self.model.revoke(lease)

        self.run(story())

    @precondition(lambda self: self.name == "etcd3")
    @rule()
    def reopen(self) -> None:
        async def story() -> None:
            await self.settle()
            await self.told()
            await self.store.__aexit__()
            self.watches.clear()
            await self.open()

        self.run(story())

    @invariant()
    def revisions_agree(self) -> None:
        assert self.store.oldest_revision() == self.model.compacted
        assert self.store.current_revision() <= self.model.revision

    async def open(self) -> None:
        options = StoreOptions(
            data_dir=self.folder, clock=self.clock, sync=False, inline_commits=True
        )
        store = STORES[self.name].make(options)
        assert isinstance(store, EngineStore)
        self.store = await store.__aenter__()

    async def settle(self) -> None:
        for answer, expected in self.waiting:
            kind, told = await settled(answer)
            if isinstance(told, TxnDone) and isinstance(expected[1], TxnDone):
                assert told.revision <= self.store.current_revision()
                if not expected[1].revision:  # it wrote nothing: what it was judged at
                    told = told._replace(revision=0)
            assert (kind, told) == expected
        self.waiting.clear()
        assert self.store.current_revision() == self.model.revision

    async def told(self) -> None:
        for span, after, recorder in self.watches:
            await recorder.reach(self.model.revision)
            assert recorder.error is None
            assert recorder.changes == self.model.changes(span, after)
            for batch, following in zip(recorder.batches, recorder.batches[1:], strict=False):
                assert all(change.revision > batch.revision for change in following.changes)

    def nothing_is_left_over(self) -> None:
        """Once compaction has come to its end, the rows kept are those that can be read."""
        backend, kept = self.store._backend, set[int]()
        index, at = self.store._index, self.model.compacted
        for key in index.keys_between(b"", None):
            kept |= {row_of(point) for point in index.kept(key, at, index.last)}
        if isinstance(backend, Etcd3Backend):
            stored = backend._file.keys_from(row_key(0))
            assert stored == sorted(map(row_key, kept))
        elif isinstance(backend, MemoryBackend):
            assert backend._values.keys() <= kept  # a delete has no value
            assert backend._leases.keys() <= kept

    async def compare_all(self) -> None:
        await self.settle()
        await self.told()
        state = self.model.states[-1]
        status = await self.store.status()
        assert status.keys == len(state)
        assert status.logical_bytes == sum(len(k) + len(kv.value) for k, kv in state.items())
        for lease in sorted(self.model.leases):
            held = tuple(sorted(key for key, kv in state.items() if kv.lease == lease))
            assert (await self.store.leases.time_to_live(lease)).keys == held
        for revision in range(self.model.compacted, self.model.revision + 1):
            op = RangeOp(EVERY, revision=revision)
            assert (await self.store.range(op))[0] == self.model.range(op)
            counted = op._replace(count_only=True)
            assert (await self.store.range(counted))[0] == self.model.range(counted)
        replayed = Recorder(after=self.model.compacted)
        self.store.watch_span(EVERY, replayed, after=self.model.compacted)
        await replayed.reach(self.model.revision)
        assert replayed.changes == self.model.changes(EVERY, self.model.compacted)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memory", "etcd3"])
def test_engine_agrees_with_the_model(name: str) -> None:
    run_state_machine_as_test(
        lambda: MvccMachine(name),  # type: ignore[arg-type]  # any maker of machines will do
        settings=settings(max_examples=100, stateful_step_count=20, deadline=None),
    )
