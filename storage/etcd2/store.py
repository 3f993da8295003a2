"""The contract of ``storage.interface`` over an engine of etcd 2, in process.

Writes are judged at the call by a ledger over the engine's tree; watches are fed, group by group,
from the engine's followers and its history. Where the engine orders that what has expired be ended,
nobody knows yet which index comes next: writes called meanwhile are judged when that is done, in
the order of their calls.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Self

from storage.clock import Clock
from storage.engine.group_commit import failed
from storage.engine.watch_hub import HubWatch, WatchHub
from storage.errors import (
    CompactedError,
    ReadOnlyError,
    StoreClosedError,
    StoreError,
    UnsupportedError,
)
from storage.etcd2.changes import changes_of, cut_of, kept_changes, state_of
from storage.etcd2.engine import CLOSED, Etcd2Engine
from storage.etcd2.expiry_timer import wall_ns
from storage.etcd2.keys import key_of, path_of
from storage.etcd2.ledger import Ledger, Verdict
from storage.etcd2.model import HISTORY_EVENTS, Event, Node
from storage.etcd2.scanning import leaves_under
from storage.etcd2.tree import Tree
from storage.interface import Capabilities, Watcher
from storage.records import KeyValue, Listing, StoreStatus

CAPABILITIES: Final = Capabilities(
    durable=True,
    old_revisions=False,
    history_events=HISTORY_EVENTS,
    history_bytes=None,
    binary_values=False,
    leases=True,
    lease_objects=False,
    shared_revisions=False,
    tree_keys=True,
    versions=False,
    compaction=False,
    dense_revisions=False,
)

EXPIRES_NS_MAX: Final = 2**63 - 1
"""What the log can hold: in the year 2262."""

TURN_ITEMS: Final = 500
"""How many listed keys are made in one turn of the loop: about half a millisecond."""


class Etcd2Store:
    """A ``Store``; nobody else may order requests from its engine."""

    def __init__(self, engine: Etcd2Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._open = False
        self._tree = Tree()
        self._syncs = 0
        """How many SYNCs are under way: while there is one, writes wait to be judged."""
        self._calm: asyncio.Future[None] | None = None
        """Who closes waits for the last of them."""
        self._cut = 0
        """Up to where the history is of no use: keys have gone that it does not name."""
        self._held: list[tuple[asyncio.Future[int], Callable[[], Verdict]]] = []

    async def __aenter__(self) -> Self:
        self._loop = loop = asyncio.get_running_loop()
        engine = await self._engine.__aenter__()
        self._tree = engine.tree
        self._ledger = Ledger(self._tree, engine.place)
        self._cut = cut_of(engine.history(engine.oldest_index))
        self._hub = WatchHub(
            loop, self, partial(kept_changes, engine.history), self.oldest_revision
        )
        self._unfollow = engine.follow(self._applied)
        engine.judged_by(self)
        self._open = True
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if not self._open:
            return
        self._open = False
        if self._syncs:
            self._calm = self._loop.create_future()
            await self._calm
        await self._engine.__aexit__(*exc_info)
        self._unfollow()
        self._hub.close(StoreClosedError(CLOSED))

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def last(self) -> int:
        """The last applied revision; for the watch hub."""
        return self._tree.index

    def current_revision(self) -> int:
        return self._tree.index

    async def latest_revision(self) -> int:
        self._check_open()
        return self._tree.index

    def oldest_revision(self) -> int:
        return max(self._engine.oldest_index - 1, self._cut) if self._open else self._cut

    async def get(self, key: bytes, *, revision: int = 0) -> KeyValue | None:
        self._check_open()
        _refuse_revision(revision)
        try:
            leaf = self._tree.leaf(path_of(key))
        except UnsupportedError:  # no such key can exist
            return None
        return None if leaf is None else state_of(key, leaf)

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        self._check_open()
        _refuse_revision(revision)
        leaves, at = leaves_under(self._tree, prefix), self._tree.index
        start = bisect_right(leaves, after, key=_key_of_leaf) if after else 0
        end = min(start + limit, len(leaves)) if limit else len(leaves)
        items: list[KeyValue] = []
        for place in range(start, end):
            if place > start and not (place - start) % TURN_ITEMS:
                await asyncio.sleep(0)
            leaf = leaves[place]
            items.append(state_of(key_of(leaf.key), leaf))
        return Listing(items, at, len(leaves) - end)

    async def count(self, prefix: bytes) -> int:
        self._check_open()
        return len(leaves_under(self._tree, prefix))

    async def status(self) -> StoreStatus:
        self._check_open()
        return self._engine.status()._replace(compact_revision=self.oldest_revision())

    def create(self, key: bytes, value: bytes, *, ttl_s: int = 0) -> asyncio.Future[int]:
        expires_ns = self._expires_ns(ttl_s) if ttl_s else 0
        if self._unready:
            return self._later(lambda: self._ledger.create(key, value, expires_ns))
        try:
            return self._engine.answer(*self._ledger.create(key, value, expires_ns))
        except StoreError as error:
            return failed(self._loop, error)

    def update(
        self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0
    ) -> asyncio.Future[int]:
        expires_ns = self._expires_ns(ttl_s) if ttl_s else 0
        if self._unready:
            return self._later(lambda: self._ledger.update(key, value, expected, expires_ns))
        try:
            return self._engine.answer(*self._ledger.update(key, value, expected, expires_ns))
        except StoreError as error:
            return failed(self._loop, error)

    def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> asyncio.Future[int]:
        if self._unready:
            return self._later(lambda: self._ledger.delete(key, expected, last))
        try:
            return self._engine.answer(*self._ledger.delete(key, expected, last))
        except StoreError as error:
            return failed(self._loop, error)

    async def compact(self, revision: int) -> None:
        self._check_open()
        raise UnsupportedError(
            f"etcd 2 has no compaction: its history is the last {HISTORY_EVENTS} events"
        )

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> HubWatch:
        self._check_open()
        return self._hub.add(prefix, watcher, after)

    def syncing(self, done: asyncio.Future[Event]) -> None:
        """Let writes wait until it is known what has expired."""
        self._syncs += 1
        done.add_done_callback(self._synced)

    def dropped(self) -> None:
        """Forget what was judged on requests that will not be carried out."""
        self._ledger.dropped()

    @property
    def _unready(self) -> bool:
        """Whether a write cannot be judged at once."""
        return bool(self._syncs) or not self._open or bool(self._engine.alarm)

    def _later(self, judge: Callable[[], Verdict]) -> asyncio.Future[int]:
        """Refuse a write, or judge it when the SYNC that is under way has been carried out."""
        if not self._open:
            return failed(asyncio.get_running_loop(), StoreClosedError(CLOSED))
        if self._engine.alarm:
            return failed(self._loop, ReadOnlyError(self._engine.alarm))
        future: asyncio.Future[int] = self._loop.create_future()
        self._held.append((future, judge))
        return future

    def _synced(self, done: asyncio.Future[Event]) -> None:
        """Judge what has waited, in the order of the calls."""
        self._syncs -= 1
        if self._syncs:
            return
        held, self._held = self._held, []
        for future, judge in held:
            answer = self._judged(judge)
            answer.add_done_callback(partial(_pass_on, future))
        if self._calm is not None:
            self._calm.set_result(None)

    def _judged(self, judge: Callable[[], Verdict]) -> asyncio.Future[int]:
        if self._engine.alarm:
            return failed(self._loop, ReadOnlyError(self._engine.alarm))
        try:
            return self._engine.answer(*judge())
        except StoreError as error:
            return failed(self._loop, error)

    def _applied(self, events: Sequence[Event]) -> None:
        """Take what a group came to: the ledger, then the watchers."""
        self._ledger.applied(events)
        cut = cut_of(events)
        if cut:  # who watches has to look again
            self._cut = cut
            self._hub.close(CompactedError(cut - 1, cut))
        changes = changes_of(events)
        if changes:
            self._hub.deliver(changes)
        else:
            self._hub.mark()

    def _expires_ns(self, ttl_s: int) -> int:
        return min(wall_ns(self._clock) + ttl_s * 1_000_000_000, EXPIRES_NS_MAX)

    def _check_open(self) -> None:
        if not self._open:
            raise StoreClosedError(CLOSED)


def _key_of_leaf(leaf: Node) -> bytes:
    return key_of(leaf.key)


def _refuse_revision(revision: int) -> None:
    if revision:
        raise UnsupportedError("etcd 2 reads the newest state only, no older revision")


def _pass_on(future: asyncio.Future[int], answer: asyncio.Future[int]) -> None:
    """Tell who has waited; whoever has given up is not told."""
    error = answer.exception()
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(answer.result())
