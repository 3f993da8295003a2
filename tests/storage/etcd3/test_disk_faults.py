"""Disks that lie, panic and freeze: what the backend makes of it, on injected faults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import lmdb
import pytest

from storage.engine.committer import InlineCommitter
from storage.engine.store import EngineStore, Parts
from storage.errors import ReadOnlyError, StoreError, StoreOpenError
from storage.etcd3.backend import FILE_NAME, Etcd3Backend
from storage.etcd3.lmdb_file import LmdbFile
from storage.records import KeyValue
from storage.registry import ETCD3, STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.recorder import Recorder


def store_over(backend: Etcd3Backend) -> EngineStore:
    return EngineStore(Parts(backend, InlineCommitter(VirtualClock()), VirtualClock(), ETCD3))


async def reopened(path: Path) -> list[KeyValue]:
    async with STORES["etcd3"].make(StoreOptions(data_dir=path)) as store:
        return (await store.list(b"")).items


class LyingFile(LmdbFile):
    """Reports the next ``faults`` writes as failed, though they have reached the disk."""

    faults = 0

    def append(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        super().append(rows)
        self._fault()

    def change(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes]) -> None:
        super().change(puts, deletes)
        self._fault()

    def _fault(self) -> None:
        if self.faults:
            self.faults -= 1
            raise StoreError("input/output error")


def test_commit_that_landed_though_it_failed_is_removed_by_the_probe(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Etcd3Backend(tmp_path, sync=False)
        backend._file = lying = LyingFile(tmp_path / FILE_NAME, map_bytes=1 << 20, sync=False)
        async with store_over(backend) as store:
            await store.create(b"/a", b"one")
            lying.faults = 2
            with pytest.raises(ReadOnlyError, match="input/output error"):
                await store.create(b"/lost", b"lost")
            await asyncio.sleep(1)

            assert (await store.status()).alarm == ""
            assert await store.create(b"/b", b"two") == 3

    run_virtual(scenario())
    keys = [item.key for item in asyncio.run(reopened(tmp_path))]
    assert keys == [b"/a", b"/b"]


class PanickingFile(LmdbFile):
    """After a fault refuses every write until it is opened again, as LMDB does."""

    panicking = False

    def open(self, *, readonly: bool = False) -> None:
        super().open(readonly=readonly)
        self.panicking = False

    def append(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        self._check()
        super().append(rows)

    def change(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes]) -> None:
        self._check()
        super().change(puts, deletes)

    def _check(self) -> None:
        if self.panicking:
            raise StoreError("the environment had a fatal error and must be restarted")


def test_file_that_panics_is_opened_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Etcd3Backend(tmp_path, sync=False)
        backend._file = file = PanickingFile(tmp_path / FILE_NAME, map_bytes=1 << 20, sync=False)
        async with store_over(backend) as store:
            await store.create(b"/a", b"one")
            file.panicking = True
            with pytest.raises(ReadOnlyError, match="fatal error"):
                await store.create(b"/b", b"two")
            assert await store.get(b"/a") is not None

            await asyncio.sleep(1)

            assert await store.create(b"/b", b"two") == 3

    run_virtual(scenario())


class RefusingFile(PanickingFile):
    """Refuses reads, too, as LMDB does, until it is opened again."""

    def _opened(self) -> lmdb.Environment:
        if self.panicking:
            raise lmdb.PanicError("mdb_txn_renew: environment had fatal error")
        return super()._opened()


def test_read_between_a_panic_and_its_discovery_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Etcd3Backend(tmp_path, sync=False)
        backend._file = file = RefusingFile(tmp_path / FILE_NAME, map_bytes=1 << 20, sync=False)
        async with store_over(backend) as store:
            await store.create(b"/a", b"one")
            file.panicking = True

            found = await store.get(b"/a")
            items = (await store.list(b"/")).items

            assert found is not None
            assert found.value == b"one"
            assert items == [found]
            assert await store.create(b"/b", b"two") == 3

    run_virtual(scenario())


class FrozenFile(PanickingFile):
    """Cannot be opened for writing again either, as on a disk that has turned read-only."""

    frozen = False

    def open(self, *, readonly: bool = False) -> None:
        if self.frozen and not readonly:
            raise StoreOpenError("read-only file system")
        super().open(readonly=readonly)
        self.panicking = self.frozen


def test_file_that_cannot_be_opened_for_writing_is_still_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Etcd3Backend(tmp_path, sync=False)
        backend._file = file = FrozenFile(tmp_path / FILE_NAME, map_bytes=1 << 20, sync=False)
        async with store_over(backend) as store:
            await store.create(b"/a", b"one")
            file.frozen = file.panicking = True
            with pytest.raises(ReadOnlyError):
                await store.create(b"/b", b"two")
            await asyncio.sleep(20)

            assert (await store.status()).alarm
            assert [item.value for item in (await store.list(b"")).items] == [b"one"]
            recorder = Recorder(after=1)
            store.watch(b"", recorder, after=1)
            await recorder.reach(2)
            file.frozen = False
            await asyncio.sleep(20)

            assert (await store.status()).alarm == ""
            assert await store.create(b"/b", b"two") == 3

    run_virtual(scenario())
