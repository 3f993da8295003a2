"""A state machine over each registered store, beside a naive model: answers, reads, watches agree.

On virtual time, so leases end when the machine says so. Writes are not awaited one by one: a rule
issues a burst, and what is pending when the next rule runs is part of the state. Where the store
is an engine of ours, commits also fail, before or after they have reached the disk.

A store that declares other than that gets the same machine without it: real time and no TTLs where
it ends them by a server's clock, writes one by one where it does not judge them in their order.
"""

from __future__ import annotations

import asyncio
import copy
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storage.engine.store import EngineStore
from storage.errors import (
    ConflictError,
    KeyExistsError,
    ReadOnlyError,
    StoreError,
    UnsupportedError,
)
from storage.etcd2.store import Etcd2Store
from storage.interface import Store
from storage.registry import StoreEntry, StoreOptions
from storage.virtual_time import VirtualClock, VirtualTimeLoop
from tests.storage.engine.faulty_committer import Fault, FaultyCommitter
from tests.storage.model import Model
from tests.storage.recorder import Recorder

T = TypeVar("T")
Outcome = tuple[str, object]

KEYS = st.sampled_from(
    [b"/a/1", b"/a/2", b"/a/20", b"/b/1", b"/b", b"/b0", b"/c\xff", b"/c\xff\xff"]
)
PREFIXES = st.sampled_from([b"", b"/", b"/a/", b"/b", b"/c\xff", b"/none"])
IN_A_TREE = {
    b"/b": b"/b-",
    b"/c\xff": "/c\u07ff".encode(),
    b"/c\xff\xff": "/c\U0010ffff".encode(),
}
"""What stands for a key that a tree cannot hold."""

BACK = st.integers(0, 12)
"""How far back a revision lies; 0 asks for the newest, 1 for one that has not happened yet."""


class Write(NamedTuple):
    """One write. ``right`` says whether it expects the key's true (pending) revision."""

    kind: str
    key: bytes
    value: bytes
    right: bool
    ttl_s: int


WRITES = st.lists(
    st.builds(
        Write,
        st.sampled_from(
            ["create", "create", "update", "update", "update", "delete", "remove", "retire"]
        ),
        KEYS,
        st.sampled_from([b"", b"x", b"yy"]),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([0, 0, 0, 2, 5]),
    ),
    min_size=1,
    max_size=6,
)


REFUSED: Outcome = (UnsupportedError.__name__, None)


def describe(error: StoreError) -> Outcome:
    if isinstance(error, UnsupportedError):
        return REFUSED
    current = error.current if isinstance(error, KeyExistsError | ConflictError) else None
    return type(error).__name__, (str(error), current)


def outcome_of(call: Callable[[], object]) -> Outcome:
    try:
        return "ok", call()
    except StoreError as error:
        return describe(error)


async def settled(answer: Awaitable[object]) -> Outcome:
    try:
        return "ok", await answer
    except StoreError as error:
        return describe(error)


class StoreMachine(RuleBasedStateMachine):
    """One store and its model."""

    def __init__(self, entry: StoreEntry) -> None:
        super().__init__()
        self.entry = entry
        self.folder = Path(tempfile.mkdtemp())
        self.clock = VirtualClock()
        self.runner = asyncio.Runner(
            loop_factory=VirtualTimeLoop if entry.capabilities.given_clock else None
        )
        self.waiting: list[tuple[Awaitable[object], Outcome]] = []
        self.watches: list[tuple[bytes, int, Recorder]] = []
        self.committer: FaultyCommitter | None = None
        self.run(self.open())
        self.model = Model(
            self.store.current_revision(),
            self.store.oldest_revision(),
            versions=entry.capabilities.versions,
            ends_by_key=entry.capabilities.tree_keys,
        )

    def run(self, story: Coroutine[object, object, T]) -> T:
        return self.runner.run(story)

    def teardown(self) -> None:
        try:
            self.run(self.compare_all())
            self.run(self.store.__aexit__())
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    @rule(writes=WRITES)
    def write(self, writes: list[Write]) -> None:
        async def story() -> None:
            for write in writes:
                self.waiting.append(self.issue(write, self.model))
                if not self.entry.capabilities.ordered_writes:
                    await self.settle()

        self.run(story())

    @rule(prefix=PREFIXES, limit=st.integers(0, 3), after=st.none() | KEYS, back=BACK)
    def list_page(self, prefix: bytes, limit: int, after: bytes | None, back: int) -> None:
        async def story() -> None:
            await self.settle()
            revision, start = self.past(back), self.key(after or b"")
            expected = self.read(revision, lambda: self.model.page(prefix, limit, start, revision))
            answer = self.store.list(prefix, limit=limit, after=start, revision=revision)
            assert await settled(answer) == expected
            assert await self.store.count(prefix) == len(self.model.page(prefix, 0, b"", 0).items)

        self.run(story())

    @rule(key=KEYS, back=BACK)
    def get(self, key: bytes, back: int) -> None:
        async def story() -> None:
            await self.settle()
            revision, held = self.past(back), self.key(key)
            expected = self.read(revision, lambda: self.model.get(held, revision))
            assert await settled(self.store.get(held, revision=revision)) == expected

        self.run(story())

    @rule(prefix=PREFIXES, back=BACK)
    def watch(self, prefix: bytes, back: int) -> None:
        async def story() -> None:
            after = max(self.model.compacted, self.store.current_revision() - back)
            recorder = Recorder(after=after)
            self.store.watch(prefix, recorder, after=after)
            self.watches.append((prefix, after, recorder))

        self.run(story())

    @precondition(lambda self: self.entry.capabilities.compaction)
    @rule(back=BACK)
    def compact(self, back: int) -> None:
        async def story() -> None:
            await self.settle()
            await self.told()
            revision = self.model.revision + 1 - back
            expected = outcome_of(lambda: self.model.compact(revision))
            assert await settled(self.store.compact(revision)) == expected

        self.run(story())

    @precondition(lambda self: self.entry.capabilities.given_clock)
    @rule(seconds=st.sampled_from([1, 2, 7]))
    def pass_time(self, seconds: int) -> None:
        async def story() -> None:
            await self.settle()
            await asyncio.sleep(seconds)
            await self.end_leases()

        self.run(story())

    @precondition(lambda self: self.entry.capabilities.durable)
    @rule(closed_s=st.sampled_from([0, 3]))
    def reopen(self, closed_s: int) -> None:
        async def story() -> None:
            await self.settle()
            await self.told()
            await self.store.__aexit__()
            self.watches.clear()
            self.clock.offset_s += closed_s
            await self.open()
            await self.end_leases()

        self.run(story())

    @precondition(lambda self: self.committer is not None)
    @rule(writes=WRITES, faults=st.lists(st.sampled_from(Fault), min_size=1, max_size=3))
    def fail(self, writes: list[Write], faults: list[Fault]) -> None:
        self.run(self.failing(writes, faults))

    @invariant()
    def revisions_agree(self) -> None:
        oldest = self.store.oldest_revision()
        if self.entry.capabilities.compaction:
            assert oldest == self.model.compacted
        else:  # the bound of the history moves it, with every write where that is full
            assert self.model.compacted <= oldest <= self.store.current_revision()
            self.model.compacted = oldest
        assert self.store.current_revision() <= self.model.revision

    async def open(self) -> None:
        options = StoreOptions(
            data_dir=self.folder, clock=self.clock, sync=False, inline_commits=True
        )
        store = self.entry.make(options)
        if isinstance(store, EngineStore):
            self.committer = FaultyCommitter(store._parts.committer)
            store._parts = replace(store._parts, committer=self.committer)
        if isinstance(store, Etcd2Store):
            engine = store._engine
            self.committer = FaultyCommitter(engine._parts.committer)
            engine._parts = replace(engine._parts, committer=self.committer)
        self.store: Store = await store.__aenter__()

    def issue(self, write: Write, model: Model) -> tuple[Awaitable[object], Outcome]:
        """Begin a write on the store; return its answer to come, and the model's."""
        kind, key, value, right, ttl_s = write._replace(key=self.key(write.key))
        if not self.entry.capabilities.given_clock:
            ttl_s = 0
        store = self.store
        current = model.state().get(key)
        revision = current.revision if right and current is not None else 1
        deadline_ms = self.now_ms() + 1000 * ttl_s if ttl_s else 0
        if kind == "create":
            expected = outcome_of(lambda: model.create(key, value, deadline_ms))
            return store.create(key, value, ttl_s=ttl_s), expected
        if kind == "update":
            expected = outcome_of(lambda: model.update(key, value, revision, deadline_ms))
            return store.update(key, value, expected=revision, ttl_s=ttl_s), expected
        wanted = None if kind == "remove" else revision
        last = value if kind == "retire" else None
        expected = outcome_of(lambda: model.delete(key, wanted, last))
        return store.delete(key, expected=wanted, last=last), expected

    async def failing(self, writes: list[Write], faults: list[Fault]) -> None:
        """Let the commit of a burst fail, then the probes: as if the burst had never been."""
        await self.settle()
        assert self.committer is not None
        self.committer.faults.extend(faults)
        dreamt, pending = copy.deepcopy(self.model), set[bytes]()
        at_once: list[tuple[Awaitable[object], Outcome]] = []
        for write in writes:
            before = dreamt.revision
            answer, expected = self.issue(write, dreamt)
            if dreamt.revision > before:
                pending.add(write.key)
            answers = self.waiting if write.key in pending else at_once
            answers.append((answer, expected))
        for answer, expected in at_once:  # judged on what is applied, whatever becomes of the rest
            assert await settled(answer) == expected
        if pending:
            await self.alarmed()
        self.committer.faults.clear()
        await self.end_leases()

    async def alarmed(self) -> None:
        """Everything judged on the failed commit is refused; reads go on; a probe ends it."""
        for answer, _ in self.waiting:
            with pytest.raises(ReadOnlyError):
                await answer
        self.waiting.clear()
        assert "input/output error" in (await self.store.status()).alarm
        with pytest.raises(ReadOnlyError):
            await self.store.create(b"/refused", b"")
        assert await self.store.list(b"") == self.model.page(b"", 0, b"", 0)
        async with asyncio.timeout(90):
            while (await self.store.status()).alarm:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.05)

    async def settle(self) -> None:
        for answer, expected in self.waiting:
            assert await settled(answer) == expected
        self.waiting.clear()
        assert self.store.current_revision() == self.model.revision

    async def end_leases(self) -> None:
        """Wait until the store has ended what the model says has ended by now."""
        async with asyncio.timeout(90):
            while True:
                self.model.expire(self.now_ms())
                if self.store.current_revision() == self.model.revision:
                    return
                await asyncio.sleep(0.01)

    async def told(self) -> None:
        for prefix, after, recorder in self.watches:
            await recorder.reach(self.model.revision)
            assert recorder.error is None
            assert recorder.changes == self.model.changes(prefix, after)

    async def compare_all(self) -> None:
        await self.settle()
        await self.told()
        assert await self.store.list(b"") == self.model.page(b"", 0, b"", 0)
        status = await self.store.status()
        state = self.model.state()
        assert status.keys == len(state)
        if not self.entry.capabilities.others_write:
            assert status.logical_bytes == sum(len(k) + len(kv.value) for k, kv in state.items())
        first = max(self.model.start, self.model.compacted)
        if not self.entry.capabilities.old_revisions:
            first = self.model.revision + 1
        for revision in range(first, self.model.revision + 1):
            expected = self.model.page(b"", 0, b"", revision)
            assert await self.store.list(b"", revision=revision) == expected

    def key(self, key: bytes) -> bytes:
        """Return a key, or what stands for it."""
        return IN_A_TREE.get(key, key) if self.entry.capabilities.tree_keys else key

    def read(self, revision: int, ask: Callable[[], object]) -> Outcome | None:
        """Return what a read must answer."""
        if revision and not self.entry.capabilities.old_revisions:
            return REFUSED
        return outcome_of(ask)

    def past(self, back: int) -> int:
        """Return 0 (the newest), an older revision, or one too many."""
        return max(1, self.model.revision + 2 - back) if back else 0

    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)


@pytest.mark.slow
def test_store_agrees_with_the_model(entry: StoreEntry) -> None:
    run_state_machine_as_test(
        lambda: StoreMachine(entry),  # type: ignore[arg-type]  # any maker of machines will do
        settings=settings(
            max_examples=60 if entry.capabilities.given_clock else 15,
            stateful_step_count=30,
            deadline=None,
        ),
    )
