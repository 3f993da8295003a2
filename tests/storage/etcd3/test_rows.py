"""The format of the data file."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from storage.engine.backend import Lease
from storage.engine.key_index import shared_row
from storage.errors import StoreOpenError
from storage.etcd3.rows import (
    META_KEY,
    Meta,
    decode_meta,
    encode_meta,
    encode_rows,
    recover,
    row_key,
    stored_in,
)
from storage.records import Change

CHANGES = [
    Change(b"/a", b"one", 2, 2, None, 1),
    Change(b"/b", b"", 3, 3, None, 1),
    Change(b"/a", b"two", 4, 2, None, 2),
    Change(b"/b", None, 5, 3, None, 0),
    Change(b"/c", b"x" * 5000, 6, 6, None, 1),
]


def stored(deadlines: dict[int, int] | None = None) -> list[tuple[memoryview, memoryview]]:
    rows = encode_rows(CHANGES, deadlines or {})
    return [(memoryview(key), memoryview(row)) for key, row in rows]


def test_rows_are_in_revision_order_behind_the_meta_row() -> None:
    keys = [key for key, _ in encode_rows(CHANGES, {})]

    assert keys == sorted(keys)
    assert META_KEY < row_key(0) < keys[0]
    assert row_key(255) < row_key(256) < row_key(1 << 40)


def test_value_comes_back_from_its_row() -> None:
    assert [stored_in(row)[0] for _, row in stored()] == [b"one", b"", b"two", b"", b"x" * 5000]


def test_recovery_rebuilds_index_sizes_and_leases() -> None:
    found = recover(stored({4: 1000, 3: 2000}), Meta(1, 1))

    assert found.keys.last == 6
    assert found.keys.newest(b"/a") == (4, 2, 2)
    assert found.keys.at(b"/b", 4) == (3, 3, 1)
    assert found.keys.at(b"/b", 5) is None
    assert found.leases == [Lease(b"/a", 4, 1000)]
    assert found.logical_bytes == len(b"/atwo") + len(b"/c") + 5000


def test_recovery_of_an_empty_file_is_at_revision_1() -> None:
    found = recover([], Meta(1, 1))

    assert (found.keys.last, found.compacted, len(found.keys)) == (1, 1, 0)


def test_recovery_takes_up_a_compaction_that_was_cut_short() -> None:
    found = recover(stored(), Meta(promised=5, base=1))

    assert (found.compacted, found.keys.base) == (5, 1)
    assert found.keys.superseded(5) == [2, 3, 5]


def test_meta_row_comes_back() -> None:
    assert decode_meta(encode_meta(Meta(7, 3))) == Meta(7, 3)


SHARED = [
    Change(b"/a", b"one", 2, 2, None, 1),
    Change(b"/a", b"two", 3, 2, None, 2, 7),
    Change(b"/b", b"one", 3, 3, None, 1, 8),
    Change(b"/a", None, 3, 2, None, 0),
    Change(b"/b", b"two", 4, 3, None, 2),
]


def test_rows_of_a_shared_revision_stand_between_its_neighbours() -> None:
    names = [name for name, _ in encode_rows(SHARED, {})]

    assert names == sorted(names)
    assert names[1:4] == [
        (3).to_bytes(8, "big"),
        (3).to_bytes(8, "big") + (1).to_bytes(4, "big"),
        (3).to_bytes(8, "big") + (2).to_bytes(4, "big"),
    ]
    assert [row_key(row) for row in (3, shared_row(3, 2))] == [names[1], names[3]]


def test_shared_revisions_and_leases_are_recovered() -> None:
    rows = encode_rows(SHARED, {2: 7000})
    found = recover([(memoryview(key), memoryview(row)) for key, row in rows], Meta(1, 1))

    assert found.keys.last == 4
    assert [each[:2] for each in found.keys.wrote(3)] == [
        (b"/a", (3, 2, 2)),
        (b"/b", (3, 3, 1, shared_row(3, 1))),
        (b"/a", (3, 2, 0, shared_row(3, 2))),
    ]
    assert found.leases == []
    read = [stored_in(memoryview(row)) for _, row in rows]
    assert read == [(b"one", 0), (b"two", 7), (b"one", 8), (b"", 0), (b"two", 0)]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_missing_row_of_a_shared_revision_is_damage(missing: int) -> None:
    rows = encode_rows(SHARED, {})
    del rows[missing]
    whole = missing == 3  # the last of a revision leaves no trace

    with nullcontext() if whole else pytest.raises(StoreOpenError, match="damaged"):
        recover([(memoryview(key), memoryview(row)) for key, row in rows], Meta(1, 1))


@pytest.mark.parametrize("row", [None, b"", b"another program's", b"kubedyno-etcd3-2" + bytes(16)])
def test_meta_row_of_another_format_is_refused(row: bytes | None) -> None:
    with pytest.raises(StoreOpenError, match="another format"):
        decode_meta(row)


@pytest.mark.parametrize(
    ("rows", "meta"),
    [
        ([(b"short", b"")], Meta(1, 1)),
        ([(row_key(2), b"torn")], Meta(1, 1)),
        (encode_rows(CHANGES, {})[1:], Meta(1, 1)),
        (encode_rows(CHANGES, {}), Meta(9, 1)),
    ],
)
def test_damaged_file_is_refused(rows: list[tuple[bytes, bytes]], meta: Meta) -> None:
    with pytest.raises(StoreOpenError):
        recover([(memoryview(key), memoryview(row)) for key, row in rows], meta)
