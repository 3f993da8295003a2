"""Snapshots: the file format read back by another reader, and what stands in it."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.api.etcd.kv_pb2 import KeyValue
from storage.bolt_file import BoltFile, fnv_64a
from storage.mvcc import DeleteOp, Mvcc, PutOp, Ranged, RangeOp, Span, Txn
from storage.records import KeyValue as State
from storage.registry import STORES, StoreOptions
from storage.serve.etcd3.snapshot import write
from tests.storage.serve.bolt_reader import read_buckets

SIZES = st.one_of(st.integers(0, 200), st.integers(3000, 5000), st.just(20_000))


def test_the_checksum_is_fnv() -> None:
    assert fnv_64a(b"") == 0xCBF29CE484222325
    assert fnv_64a(b"foobar") == 0x85944171F73967E8


@pytest.mark.slow
@given(
    st.dictionaries(
        st.binary(min_size=1, max_size=8),
        st.dictionaries(st.binary(min_size=1, max_size=900), SIZES, max_size=60),
        max_size=4,
    )
)
def test_what_is_written_is_read_back(buckets: dict[bytes, dict[bytes, int]]) -> None:
    file = io.BytesIO()
    bolt = BoltFile(file)
    for name, rows in buckets.items():
        bucket = bolt.bucket(name)
        for key, size in sorted(rows.items()):
            bucket.add(key, bytes(size))
        bucket.end()

    assert bolt.finish() == len(file.getvalue())

    found = read_buckets(file.getvalue())
    assert found == {
        name: [(key, bytes(size)) for key, size in sorted(rows.items())]
        for name, rows in buckets.items()
    }


@pytest.mark.slow
def test_many_keys_make_branches_over_branches() -> None:
    file = io.BytesIO()
    bolt = BoltFile(file)
    bucket = bolt.bucket(b"key")
    keys = [struct.pack(">Q", number) + bytes(300) for number in range(3000)]
    for key in keys:
        bucket.add(key, b"v")
    bucket.end()
    bolt.finish()

    assert [key for key, _ in read_buckets(file.getvalue())[b"key"]] == keys


def revision(main: int, sub: int = 0) -> bytes:
    return struct.pack(">Q", main) + b"_" + struct.pack(">Q", sub)


async def put(store: Mvcc, key: bytes, value: bytes, lease: int = 0) -> None:
    await store.txn(Txn((), (PutOp(key, value, lease),)))


def row(state: tuple[bytes, bytes, int, int, int], lease: int = 0) -> bytes:
    key, value, created, modified, version = state
    return KeyValue(
        key=key,
        value=value,
        create_revision=created,
        mod_revision=modified,
        version=version,
        lease=lease,
    ).SerializeToString()


async def history(store: Mvcc) -> int:
    """Write revisions 2 to 8, compact at 4; return the id of a lease."""
    await put(store, b"b", b"1")
    await put(store, b"a", b"2")
    await put(store, b"b", b"3")
    lease = await store.leases.grant(60)
    await put(store, b"c", b"4", lease)
    await store.txn(Txn((), (PutOp(b"d", b"5"), DeleteOp(Span(b"a")))))
    await put(store, b"c", b"6")
    await store.txn(Txn((), (DeleteOp(Span(b"b")),)))
    await store.compact(4)
    return lease


@pytest.mark.parametrize("name", ["memory", "etcd3"])
async def test_a_snapshot_holds_the_compacted_state_and_all_since(
    name: str, tmp_path: Path
) -> None:
    file = io.BytesIO()
    async with cast("Mvcc", STORES[name].make(StoreOptions(data_dir=tmp_path))) as store:
        lease = await history(store)
        await write(store, file)

    found = read_buckets(file.getvalue())
    assert found[b"key"] == [
        (revision(3), row((b"a", b"2", 3, 3, 1))),
        (revision(4), row((b"b", b"3", 2, 4, 2))),
        (revision(5), row((b"c", b"4", 5, 5, 1), lease)),
        (revision(6), row((b"d", b"5", 6, 6, 1))),
        (revision(6, 1) + b"t", KeyValue(key=b"a").SerializeToString()),
        (revision(7), row((b"c", b"6", 5, 7, 2))),
        (revision(8) + b"t", KeyValue(key=b"b").SerializeToString()),
    ]
    assert dict(found[b"meta"])[b"finishedCompactRev"] == revision(4)
    assert [key for key, _ in found[b"lease"]] == [struct.pack(">Q", lease)]
    assert found[b"members"] == []


class Compacted:
    """A store that is compacted once, while it is being read."""

    def __init__(self, store: Mvcc) -> None:
        self._store = store
        self._left = 1

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def range(self, op: RangeOp) -> tuple[Ranged, int]:
        found = await self._store.range(op)
        if self._left:
            self._left -= 1
            await self._store.compact(self._store.current_revision())
        return found

    async def get(self, key: bytes, *, revision: int = 0) -> State | None:
        return await self._store.get(key, revision=revision)


async def test_a_compaction_meanwhile_makes_it_begin_again() -> None:
    file = io.BytesIO()
    async with cast("Mvcc", STORES["memory"].make(StoreOptions())) as store:
        await history(store)
        await write(cast("Mvcc", Compacted(store)), file)

    found = read_buckets(file.getvalue())
    assert [key for key, _ in found[b"key"]] == [revision(6), revision(7)]
    assert dict(found[b"meta"])[b"finishedCompactRev"] == revision(8)
