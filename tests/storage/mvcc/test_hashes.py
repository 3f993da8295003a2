"""The hash tells histories apart, and not engines, openings or how far compaction has come."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from storage.engine.reads import READ_PAGE
from storage.engine.store import EngineStore
from storage.errors import CompactedError, FutureRevisionError
from storage.mvcc import DeleteOp, HashOf, PutOp, Span, Txn
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.mvcc.conftest import Play

KEYS = [b"/k/%04d" % number for number in range(READ_PAGE + 7)]


async def write(store: EngineStore) -> None:
    """Write a history that ends at revision 5."""
    lease = await store.leases.grant(60, lease_id=7)
    await store.txn(Txn((), tuple(PutOp(key, b"one") for key in KEYS)))
    await store.txn(Txn((), (PutOp(KEYS[0], b"two", lease), PutOp(KEYS[1], b"two"))))
    await store.txn(Txn((), (DeleteOp(Span(KEYS[1])), DeleteOp(Span(KEYS[-3], KEYS[-1])))))
    await store.update(KEYS[2], b"three", expected=2)


def engine(name: str, folder: Path) -> EngineStore:
    options = StoreOptions(data_dir=folder, clock=VirtualClock(), inline_commits=True, sync=False)
    store = STORES[name].make(options)
    assert isinstance(store, EngineStore)
    return store


def test_equal_histories_have_equal_hashes(tmp_path: Path) -> None:
    async def hashes(name: str) -> list[HashOf]:
        async with engine(name, tmp_path / name) as store:
            await write(store)
            before = [await store.hash_kv(revision) for revision in (0, 3, 4)]
            await store.compact(3)
            compacting = await store.hash_kv()
            await asyncio.sleep(1)
            assert await store.hash_kv() == compacting
        async with engine("etcd3", tmp_path / "etcd3") as again:
            if name == "etcd3":
                assert await again.hash_kv() == compacting
        return [*before, compacting]

    seen: list[list[HashOf]] = []
    for name in ("memory", "etcd3"):

        async def story(name: str = name) -> None:
            seen.append(await hashes(name))

        run_virtual(story())

    assert seen[0] == seen[1]
    assert len({each.hash for each in seen[0]}) == 4
    assert [each[1:] for each in seen[0]] == [(5, 1), (3, 1), (4, 1), (5, 3)]


def test_hash_outside_of_what_is_kept_is_refused(play: Play) -> None:
    async def story(store: EngineStore) -> None:
        await write(store)
        await store.compact(4)

        assert (await store.hash_kv(4)).revision == 4
        with pytest.raises(CompactedError):
            await store.hash_kv(3)
        with pytest.raises(FutureRevisionError):
            await store.hash_kv(6)

    play(story)


def test_value_and_lease_count(tmp_path: Path) -> None:
    seen: list[int] = []

    async def story() -> None:
        for value, lease in ((b"one", 0), (b"two", 0), (b"two", 7)):
            async with engine("memory", tmp_path) as store:
                await store.leases.grant(60, lease_id=7)
                await store.create(b"/a", value, lease=lease)
                seen.append((await store.hash_kv()).hash)

    run_virtual(story())

    assert len(set(seen)) == 3
