"""The LMDB backend: growth, faults of the disk, locks, compaction cut short."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from storage.clock import SystemClock
from storage.engine.committer import InlineCommitter, ThreadCommitter
from storage.engine.group_commit import PROBE_FIRST_S
from storage.engine.store import EngineStore, Parts
from storage.errors import ReadOnlyError, StoreError, StoreOpenError
from storage.etcd3.backend import FILE_NAME, Etcd3Backend
from storage.etcd3.lmdb_file import LmdbFile, MapFullError
from storage.records import Change, KeyValue
from storage.registry import ETCD3, STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual


def store_over(backend: Etcd3Backend) -> EngineStore:
    return EngineStore(Parts(backend, InlineCommitter(VirtualClock()), VirtualClock(), ETCD3))


async def test_full_map_grows_and_the_write_succeeds(tmp_path: Path) -> None:
    backend = Etcd3Backend(tmp_path, map_bytes=1 << 16, sync=False)
    committer = ThreadCommitter(SystemClock())
    value = b"v" * 10_000

    async with EngineStore(Parts(backend, committer, SystemClock(), ETCD3)) as store:
        for number in range(100):
            await store.create(b"/k/%03d" % number, value)

        listing = await store.list(b"/k/")
        assert [item.value for item in listing.items] == [value] * 100
        assert (await store.status()).alarm == ""
        assert (await store.status()).disk_bytes > 1_000_000

    assert [i.value for i in await reopened(tmp_path)] == [value] * 100


async def reopened(path: Path) -> list[KeyValue]:
    async with STORES["etcd3"].make(StoreOptions(data_dir=path)) as store:
        return (await store.list(b"")).items


@pytest.mark.parametrize("name", ["member", "members.json", "data.mdb"])
def test_directory_of_another_store_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()

    with pytest.raises(StoreOpenError, match=f"there is a {name}"):
        asyncio.run(reopened(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_map_at_its_limit_raises_the_alarm_and_keeps_the_rest_readable(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Etcd3Backend(tmp_path, map_bytes=1 << 16, map_max_bytes=1 << 17, sync=False)
        async with store_over(backend) as store:
            revision = await store.create(b"/a", b"one")

            with pytest.raises(ReadOnlyError, match="is full"):
                await store.create(b"/b", b"v" * 200_000)

            assert await store.get(b"/a") is not None
            assert "is full" in (await store.status()).alarm
            await asyncio.sleep(PROBE_FIRST_S + 0.01)
            assert (await store.status()).alarm == ""
            assert await store.create(b"/b", b"small") == revision + 1

    run_virtual(scenario())


def test_map_that_cannot_grow_raises_the_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: LmdbFile, _map_bytes: int) -> None:
        raise StoreError("no more address space")

    monkeypatch.setattr(LmdbFile, "grow", refuse)

    async def scenario() -> None:
        async with store_over(Etcd3Backend(tmp_path, map_bytes=1 << 16, sync=False)) as store:
            with pytest.raises(ReadOnlyError, match="is full"):
                async with asyncio.timeout(1):
                    await store.create(b"/b", b"v" * 200_000)

    run_virtual(scenario())


def test_write_to_a_small_map_is_a_map_full_error(tmp_path: Path) -> None:
    file = LmdbFile(tmp_path / "f", map_bytes=1 << 16, sync=False)
    file.open()

    with pytest.raises(MapFullError):
        file.append([(b"a", b"v" * 100_000)])
    file.grow(1 << 20)
    file.append([(b"a", b"v" * 100_000)])

    assert file.get(b"a") == b"v" * 100_000
    file.close()


def test_scan_from_behind_the_last_row_finds_nothing(tmp_path: Path) -> None:
    file = LmdbFile(tmp_path / "f", map_bytes=1 << 20, sync=False)
    file.open()
    file.append([(b"a", b"one"), (b"b", b"two")])

    assert file.keys_from(b"b") == [b"b"]
    assert file.keys_from(b"c") == []
    file.close()


def test_missing_row_is_a_store_error(tmp_path: Path) -> None:
    file = LmdbFile(tmp_path / "f", map_bytes=1 << 20, sync=False)
    file.open()

    with pytest.raises(StoreError, match="missing"):
        file.cut([b"a"], lambda row: bytes(row[:1]))
    file.close()
    with pytest.raises(StoreError, match="not open"):
        file.get(b"a")


def test_file_that_is_no_lmdb_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"something else" * 1000)

    with pytest.raises(StoreOpenError):
        Etcd3Backend(tmp_path).open()


def test_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    first, second = Etcd3Backend(tmp_path), Etcd3Backend(tmp_path)
    first.open()

    with pytest.raises(StoreOpenError, match=f"in use by process {os.getpid()}"):
        second.open()
    first.close()
    second.open()
    second.close()
    second.close()


def test_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StoreOpenError):
        Etcd3Backend(tmp_path / "file" / "below").open()


class StallingBackend(Etcd3Backend):
    """Never gets round to removing what was compacted, as if the process had ended before."""

    def drop(self, revisions: Sequence[int], base: int) -> None:
        raise StoreError("the end")


def test_compaction_that_was_cut_short_goes_on_at_the_next_opening(tmp_path: Path) -> None:
    async def before() -> None:
        async with store_over(StallingBackend(tmp_path, sync=False)) as store:
            revision = await store.create(b"/a", b"0")
            for number in range(1, 50):
                revision = await store.update(b"/a", b"%d" % number, expected=revision)
            await store.compact(revision)

    async def after() -> None:
        backend = Etcd3Backend(tmp_path, sync=False)
        async with store_over(backend) as store:
            assert (await store.status()).compact_revision == 51
            await asyncio.sleep(0.1)
            assert [i.value for i in (await store.list(b"")).items] == [b"49"]
            assert backend._file.keys_from(b"\0\0") == [(51).to_bytes(8, "big")]

    run_virtual(before())
    run_virtual(after())


def test_commit_of_nothing_but_deadlines_is_told_apart(tmp_path: Path) -> None:
    backend = Etcd3Backend(tmp_path, sync=False)
    backend.open()
    deadlines: Mapping[int, int] = {2: 7000}

    backend.commit([Change(b"/a", b"one", 2, 2, None, 1)], deadlines)
    backend.close()

    leases = Etcd3Backend(tmp_path).open().leases
    assert [(lease.key, lease.deadline_ms) for lease in leases] == [(b"/a", 7000)]


@pytest.mark.slow
def test_space_of_what_was_compacted_is_used_again(tmp_path: Path) -> None:
    sizes: list[int] = []

    async def scenario() -> None:
        async with store_over(Etcd3Backend(tmp_path, sync=False)) as store:
            keys = [b"/k/%d" % number for number in range(300)]
            revisions = list(await asyncio.gather(*[store.create(key, b"") for key in keys]))
            for turn in range(30):
                # Some fit into a page, some take overflow pages of their own.
                value = b"%d" % turn + b"v" * (900 if turn % 2 else 5000)
                revisions = list(
                    await asyncio.gather(
                        *[
                            store.update(key, value, expected=revision)
                            for key, revision in zip(keys, revisions, strict=True)
                        ]
                    )
                )
                await store.compact(store.current_revision() - 100)
                await asyncio.sleep(1)
                sizes.append((tmp_path / FILE_NAME).stat().st_size)

    run_virtual(scenario())

    assert sizes[-1] <= 1.2 * max(sizes[:6])
    assert sizes[-1] < 3 * 300 * 8192
