"""What a store tells where history is gone: compacted by others, or an older snapshot restored."""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from storage.clock import SystemClock
from storage.errors import CompactedError, HistoryLostError, UnknownOutcomeError
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url
from storage.serve.etcd3 import serving
from tests.etcd_members import EtcdCluster
from tests.real_etcd import require_etcd
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_proxy import FaultProxy, Kept
from tests.storage.serve.served import served

ServerKind = str


@asynccontextmanager
async def server(kind: ServerKind, directory: Path) -> AsyncIterator[str]:
    """Yield where a server of this kind listens."""
    if kind == "real":
        require_etcd()
        async with EtcdCluster(directory) as cluster:
            yield cluster.endpoints[0]
    else:
        async with served() as engine:
            yield engine.target


def store_at(target: str) -> RemoteStore:
    return RemoteStore(parse_url(f"etcd3://{target}"), SystemClock())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["real", "served"])
async def test_replay_of_what_another_has_compacted_is_closed(
    kind: ServerKind, tmp_path: Path
) -> None:
    async with server(kind, tmp_path) as target, store_at(target) as other:
        for number in range(5):
            await other.create(b"/%d" % number, b"one")
        end = await other.delete(b"/4")
        async with store_at(target) as store:
            known = store.oldest_revision()
            # At the compact revision itself etcd's watch is silent, also about the delete in it.
            await other.compact(end)
            watches = [(after, Recorder(after)) for after in (known, end - 2, end - 1, end)]
            for after, recorder in watches:
                store.watch(b"/", recorder, after=after)
            for after, recorder in watches[:-1]:
                error = await recorder.end()
                assert isinstance(error, CompactedError)
                assert after < error.compacted <= end
                assert recorder.batches == []
            last = await other.create(b"/4", b"two")
            await watches[-1][1].reach(last)
            with pytest.raises(CompactedError) as caught:
                await store.get(b"/4", revision=end - 1)

            assert watches[-1][1].revisions == [last]
            assert caught.value.compacted == end == store.oldest_revision()


async def test_watch_that_was_away_during_a_compaction_is_closed() -> None:
    async with served() as engine, FaultProxy(engine.target) as proxy, store_at(proxy.target) as it:
        start = await it.create(b"/a", b"one")
        recorders = [Recorder(start) for _ in range(3)]
        for recorder, prefix in zip(recorders, (b"/", b"/a", b"/none"), strict=True):
            it.watch(prefix, recorder, after=start)
        proxy.refuse()
        for number in range(5):
            await engine.store.create(b"/%d" % number, b"v")
        end = engine.store.current_revision()
        await engine.store.compact(end)
        proxy.accept()

        for recorder in recorders:
            assert isinstance(await recorder.end(), CompactedError)
            assert recorder.batches == []
        assert it.current_revision() == it.oldest_revision() == end
        again = Recorder(end)
        it.watch(b"/", again, after=end)
        assert await it.create(b"/b", b"two") == end + 1
        assert again.revisions == [end + 1]


async def test_store_tells_that_it_meets_another_etcd(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    async with (
        served() as before,
        served() as after,
        FaultProxy(before.target) as proxy,
        store_at(proxy.target) as store,
    ):
        for number in range(5):
            await store.create(b"/%d" % number, b"before")
        last = store.current_revision()
        live, ahead = Recorder(last), Recorder(last + 10)
        store.watch(b"/", live, after=last)
        store.watch(b"/", ahead, after=last + 10)
        await after.store.create(b"/0", b"after")
        proxy.turn_to(after.target)

        for recorder in (live, ahead):
            error = await recorder.end()
            assert isinstance(error, HistoryLostError)
            assert (error.revision, error.current) == (last, 2)
            assert recorder.batches == []
        assert "history is lost" in caplog.text
        assert (store.current_revision(), store.oldest_revision()) == (2, 1)
        found = await store.get(b"/0")
        assert found is not None
        again = Recorder(2)
        store.watch(b"/", again, after=2)
        assert await store.update(b"/0", b"again", expected=found.revision) == 3
        assert again.revisions == [3]


@pytest.mark.parametrize("cluster_id", [0, 77])
async def test_another_cluster_is_known_by_its_id_though_it_has_come_further(
    monkeypatch: pytest.MonkeyPatch, cluster_id: int
) -> None:
    async with served() as before, FaultProxy(before.target) as proxy:
        monkeypatch.setattr(serving, "stable_id", lambda _kind, _name: cluster_id)
        async with served() as after, store_at(proxy.target) as store:
            last = await store.create(b"/a", b"before")
            recorder = Recorder(last)
            store.watch(b"/", recorder, after=last)
            for number in range(5):
                await after.store.create(b"/%d" % number, b"after")
            end = after.store.current_revision()
            proxy.turn_to(after.target)

            if cluster_id:
                assert isinstance(await recorder.end(), HistoryLostError)
            else:  # nothing tells
                await recorder.reach(end)
            assert store.current_revision() == end


async def test_replay_tells_that_it_meets_another_etcd() -> None:
    async with (
        served() as before,
        served() as after,
        FaultProxy(before.target) as proxy,
    ):
        for number in range(5):
            await before.store.create(b"/%d" % number, b"before")
        async with store_at(proxy.target) as store:
            replaying = Recorder(4)
            proxy.turn_to(after.target)
            store.watch(b"/", replaying, after=4)

            assert isinstance(await replaying.end(), HistoryLostError)
            assert replaying.batches == []


@pytest.mark.slow
async def test_store_tells_that_an_older_copy_was_restored(tmp_path: Path) -> None:
    require_etcd()
    async with EtcdCluster(tmp_path) as cluster:
        (member,) = cluster.members
        async with store_at(member.endpoint) as store:
            await store.create(b"/kept", b"one")
        folder, copy = tmp_path / member.name, tmp_path / "copy"
        member.kill()
        shutil.copytree(folder, copy)
        await cluster.restart(member)
        async with store_at(member.endpoint) as store:
            for number in range(5):
                await store.create(b"/lost/%d" % number, b"one")
            last = store.current_revision()
            recorder = Recorder(last)
            store.watch(b"/", recorder, after=last)
            member.kill()
            shutil.rmtree(folder)
            shutil.copytree(copy, folder)
            await cluster.restart(member)

            assert isinstance(await recorder.end(), HistoryLostError)
            assert store.current_revision() < last
            assert [item.key for item in (await store.list(b"/")).items] == [b"/kept"]
            again = Recorder(store.current_revision())
            store.watch(b"/", again, after=again.revision)
            assert again.revisions == []
            assert await store.create(b"/new", b"one") in again.revisions


async def test_write_that_only_the_lost_history_has_is_of_unknown_outcome() -> None:
    async with (
        served() as before,
        served() as after,
        FaultProxy(before.target) as proxy,
        store_at(proxy.target) as store,
    ):
        await store.create(b"/a", b"one")
        proxy.keep(Kept.WATCHES)
        write = store.create(b"/b", b"one")
        await proxy.kept_events(b"/b")
        assert await store.get(b"/b") is not None
        proxy.turn_to(after.target)

        with pytest.raises(UnknownOutcomeError, match="history is lost"):
            await write
