"""Values looked at where they stand: leases, shared revisions, and files that fail meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.errors import ReadOnlyError, StoreError
from storage.etcd3.backend import FILE_NAME, Etcd3Backend
from storage.etcd3.rows import row_key
from storage.mvcc import PutOp, RangeOp, Span, Txn, View
from storage.virtual_time import run_virtual
from tests.storage.etcd3.test_disk_faults import RefusingFile, store_over

EVERY = RangeOp(Span(b"\0", b"\0"))


def test_what_is_viewed_is_what_is_read_and_no_more_than_is_wanted(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Etcd3Backend(tmp_path, sync=False)
        async with store_over(backend) as store:
            await store.leases.grant(60, lease_id=7)
            await store.create(b"/a", b"one", lease=7)
            await store.txn(Txn((), (PutOp(b"/b", b""), PutOp(b"/c", b"three", lease=7))))
            reading = await store.reading(EVERY, lambda: pytest.fail("it is short"))
            rows = [point[0] if len(point) == 3 else point[3] for _, point, _ in reading._found]
            reading.close()

            def use(views: Iterator[View]) -> int:
                value, lease = next(views)
                seen.append((bytes(value), lease))
                return 1

            for wanted in (rows, rows[1:], rows[:1]):
                seen: list[tuple[bytes, int]] = []
                assert backend.view(wanted, use) == 1
                assert seen == backend.values(wanted)[:1]
            kvs = (await store.range(EVERY))[0].kvs
            assert [(each.value, each.lease) for each in kvs] == [
                (b"one", 7),
                (b"", 0),
                (b"three", 7),
            ]

    run_virtual(scenario())


def test_a_range_between_a_panic_and_its_discovery_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Etcd3Backend(tmp_path, sync=False)
        backend._file = file = RefusingFile(tmp_path / FILE_NAME, map_bytes=1 << 20, sync=False)
        async with store_over(backend) as store:
            await store.create(b"/a", b"one")
            file.panicking = True
            assert [each.value for each in (await store.range(EVERY))[0].kvs] == [b"one"]
            assert not file.panicking

    run_virtual(scenario())


def test_a_range_that_misses_a_row_fails_and_lets_compactions_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Etcd3Backend(tmp_path, sync=False)
        async with store_over(backend) as store:
            await store.create(b"/a", b"one")
            await store.create(b"/b", b"two")
            backend._file.change((), [row_key(3)])
            with pytest.raises(StoreError, match="a row is missing") as raised:
                await store.range(EVERY)

            assert not isinstance(raised.value, ReadOnlyError)
            assert store._reader._pins.lowest(-1) == -1
            assert (await store.range(RangeOp(Span(b"/a"))))[0].kvs[0].value == b"one"

    run_virtual(scenario())
