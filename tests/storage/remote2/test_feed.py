"""What the feed of a store over a real etcd 2 tells, and what it says where it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from storage.errors import CompactedError, KeyNotFoundError, StoreOpenError, UnsupportedError
from storage.remote.etcd2 import feed, following
from storage.remote.etcd2.link import Link, index_of
from storage.remote.etcd2.store import RemoteStore
from storage.remote.http1.failures import Fault, HttpError
from storage.remote.url import parse_url
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import require_etcd
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_proxy import Kept
from tests.storage.remote2.http_proxy import HttpFaultProxy


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    """A real etcd that speaks v2."""
    require_etcd()
    cluster = EtcdCluster(tmp_path_factory.mktemp("etcd2"), EtcdOptions(enable_v2=True))
    asyncio.run(cluster.start())
    yield cluster
    cluster.kill()


def store_at(target: str, space: str) -> RemoteStore:
    return RemoteStore(parse_url(f"etcd2://{target}?prefix=/{space}"))


@asynccontextmanager
async def two(etcd: EtcdCluster) -> AsyncIterator[tuple[RemoteStore, Link, str]]:
    """Yield a store, a bare link to write anything with, and the store's key space."""
    space = uuid4().hex
    link = Link(parse_url(etcd.v2_url))
    async with store_at(etcd.endpoints[0], space) as store:
        try:
            yield store, link, space
        finally:
            await link.close()


def watched(store: RemoteStore, prefix: bytes = b"/") -> Recorder:
    recorder = Recorder(store.current_revision())
    store.watch(prefix, recorder, after=recorder.revision)
    return recorder


async def be_live(store: RemoteStore) -> None:
    """Return when the store follows a stream; where it was slow, it polls for some changes yet."""
    while not store.counters()["store_streams"]:
        await store.create(b"/until-live", b"v")
        await store.delete(b"/until-live")


async def reached(store: RemoteStore, revision: int) -> None:
    """Return when the store's watch has come so far."""
    recorder = Recorder(store.current_revision())
    store.watch(b"/", recorder, after=recorder.revision)
    await recorder.reach(revision)


@pytest.mark.slow
async def test_revision_moves_over_changes_that_no_watch_is_told(
    etcd: EtcdCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "IDLE_S", 60.0)  # what is idle asks by itself
    async with two(etcd) as (store, link, space):
        await be_live(store)
        recorder = watched(store)
        marks = store.counters()["store_marks"]
        before = store.current_revision()
        for number in range(20):
            await link.put(f"/v2/keys/{space}/_hidden".encode(), b"value=%d" % number)

        latest = await asyncio.gather(*[store.latest_revision() for _ in range(50)])
        await reached(store, max(latest))

        assert set(latest) == {before + 20}
        assert store.current_revision() >= before + 20
        assert store.counters()["store_marks"] > marks
        assert recorder.changes == []
        assert (await store.list(b"/")).items == []


@pytest.mark.slow
async def test_hidden_changes_that_polls_are_told_are_nobodys(etcd: EtcdCluster) -> None:
    async with two(etcd) as (store, link, space):
        start = store.current_revision()
        for name in ("a", "_a", "b", "_b/c", "d"):
            await link.put(f"/v2/keys/{space}/{name}".encode(), b"value=v")
        await link.delete(f"/v2/keys/{space}/_b?recursive=true".encode())

        async with store_at(etcd.endpoints[0], space) as fresh:
            recorder = Recorder(start)
            fresh.watch(b"/", recorder, after=start)
            await recorder.reach(start + 6)

            assert [change.key for change in recorder.changes] == [b"/a", b"/b", b"/d"]
            assert recorder.error is None


@pytest.mark.slow
async def test_refusal_waits_for_the_index_by_which_it_was_judged(etcd: EtcdCluster) -> None:
    async with two(etcd) as (store, link, space):
        hidden = index_of(await link.put(f"/v2/keys/{space}/_hidden".encode(), b"value=1"))

        with pytest.raises(KeyNotFoundError):
            await store.delete(b"/none")

        assert store.current_revision() >= hidden


@pytest.mark.slow
async def test_mark_is_no_key_of_a_store_over_everything(etcd: EtcdCluster) -> None:
    link = Link(parse_url(etcd.v2_url))
    async with RemoteStore(parse_url(etcd.v2_url)) as whole:
        await be_live(whole)
        recorder, marks = watched(whole), whole.counters()["store_marks"]
        await link.put(b"/v2/keys/_hidden", b"value=1")
        await link.close()
        await reached(whole, await whole.latest_revision())

        keys = [item.key for item in (await whole.list(b"/")).items if b"kubedyno" in item.key]
        assert whole.counters()["store_marks"] > marks
        assert keys == []
        assert recorder.changes == []


@pytest.mark.slow
async def test_watchers_are_told_where_the_history_went_on_without_them(etcd: EtcdCluster) -> None:
    space = uuid4().hex
    target = etcd.endpoints[0]
    async with (
        HttpFaultProxy(target) as proxy,
        store_at(proxy.target, space) as store,
        store_at(target, space) as other,
    ):
        recorders = [watched(store, prefix) for prefix in (b"/", b"/none/")]
        proxy.keep(Kept.WATCHES)
        for start in range(0, 1100, 100):
            await asyncio.gather(*[other.create(b"/%d" % (start + n), b"v") for n in range(100)])
        proxy.forget()
        proxy.cut_watches()
        errors = [await recorder.end() for recorder in recorders]
        oldest = store.oldest_revision()
        again = watched(store)
        written = await store.create(b"/again", b"v")

        for error in errors:
            assert isinstance(error, CompactedError)
        assert store.counters()["store_index_cleared"] == 1
        assert again.revisions == [written]
        assert oldest == other.current_revision() - 1


@pytest.mark.slow
async def test_resumed_watch_is_replayed_from_etcds_history_or_refused(etcd: EtcdCluster) -> None:
    async with two(etcd) as (store, _, space):
        live = watched(store)
        for start in range(0, 1100, 100):
            await asyncio.gather(*[store.create(b"/%d" % (start + n), b"v") for n in range(100)])
        last = store.current_revision()

        async with store_at(etcd.endpoints[0], space) as fresh:
            oldest = fresh.oldest_revision()
            kept, lost = Recorder(oldest), Recorder(oldest - 1)
            fresh.watch(b"/", kept, after=oldest)
            fresh.watch(b"/", lost, after=oldest - 1)
            await kept.reach(last)

            assert oldest == last - 1000
            assert kept.changes == live.changes[-1000:]
            assert isinstance(await lost.end(), CompactedError)
            assert fresh.counters()["store_polls"] < 1100


@pytest.mark.slow
async def test_removal_of_a_directory_ends_the_watches_of_its_space_alone(
    etcd: EtcdCluster,
) -> None:
    async with two(etcd) as (store, link, space), store_at(etcd.endpoints[0], "other") as other:
        await store.create(b"/pods/a", b"v")
        mine, others = watched(store), watched(other)

        await link.delete(f"/v2/keys/{space}/pods?recursive=true".encode())
        error = await mine.end()
        again = watched(store)
        written = await store.create(b"/pods/a", b"w")

        assert isinstance(error, CompactedError)
        assert again.revisions == [written]
        assert (await store.status()).keys == 1
        await others.reach(written)
        assert others.error is None


@pytest.mark.slow
async def test_stream_that_etcd_forgets_is_taken_up_again_without_gap(
    etcd: EtcdCluster,
) -> None:
    """A receiver that does not read while more is told than all buffers hold is told no more."""
    space, value = uuid4().hex, b"x" * 100_000
    target = etcd.endpoints[0]
    async with (
        HttpFaultProxy(target) as proxy,
        store_at(proxy.target, space) as store,
        store_at(target, space) as other,
    ):
        recorder, whole = watched(store), watched(other)
        proxy.pause_watches()
        at = await other.create(b"/big", value)
        for number in range(250):
            at = await other.update(b"/big", value + b"%d" % number, expected=at)
        proxy.resume_watches()
        await recorder.reach(at)

        assert [c[:4] for c in recorder.changes] == [c[:4] for c in whole.changes]
        assert store.counters()["store_streams_broken"] == 1
        assert store.counters()["store_index_cleared"] == 0


@pytest.mark.slow
async def test_keys_that_end_all_at_once_are_all_told(etcd: EtcdCluster) -> None:
    """What ends in one tick may be more than etcd has room for; then polls tell the rest."""
    async with two(etcd) as (store, _, _):
        recorder = watched(store)
        await asyncio.gather(
            *[store.create(b"/%d" % number, b"x" * 2000, ttl_s=1) for number in range(400)]
        )

        while len(recorder.changes) < 800 and recorder.error is None:
            await recorder.reach(recorder.revision + 1)  # on a busy machine the first end early

        ended = [change.key for change in recorder.changes if change.value is None]
        assert sorted(ended) == sorted(b"/%d" % number for number in range(400))
        assert recorder.error is None


@pytest.mark.slow
async def test_stream_begins_ahead_of_what_others_write_all_the_time(etcd: EtcdCluster) -> None:
    space = uuid4().hex
    target = etcd.endpoints[0]
    async with (
        HttpFaultProxy(target) as proxy,
        store_at(target, space) as other,
        store_at(proxy.target, space) as store,
    ):
        recorder, whole = watched(store), watched(other)
        stop = asyncio.Event()

        async def write(number: int) -> None:
            at = await other.create(b"/%d" % number, b"v")
            while not stop.is_set():
                at = await other.update(b"/%d" % number, b"%d" % at, expected=at)

        async with asyncio.TaskGroup() as group:
            for number in range(16):
                group.create_task(write(number))
            for _ in range(5):
                proxy.cut_watches()
                await recorder.reach(recorder.revision + 300)
            stop.set()
        await recorder.reach(other.current_revision())

        assert [c[:4] for c in recorder.changes] == [c[:4] for c in whole.changes]
        assert store.counters()["store_index_cleared"] == 0
        assert store.counters()["store_streams"] > 1


@pytest.mark.slow
async def test_update_writes_the_same_bytes_where_it_ends_a_ttl(etcd: EtcdCluster) -> None:
    async with two(etcd) as (store, _, space):
        ending = await store.create(b"/a", b"v", ttl_s=600)
        async with store_at(etcd.endpoints[0], space) as fresh:  # it knows nothing of the key
            kept = await fresh.update(b"/a", b"v", expected=ending)
            assert await fresh.update(b"/a", b"v", expected=kept) == kept

        assert kept == ending + 1
        found = await store.get(b"/a")
        assert found is not None
        assert (found.revision, found.lease) == (kept, 0)


@pytest.mark.slow
async def test_keys_that_no_tree_holds_are_refused(etcd: EtcdCluster) -> None:
    async with two(etcd) as (store, _, _):
        await store.create(b"/a/b", b"v")
        for key in (b"/a", b"/a/b/c", b"/_a", b"a", b"/a//b", b"/a/../b", b"/\xff", b"/"):
            with pytest.raises(UnsupportedError):
                await store.create(key, b"v")
        with pytest.raises(UnsupportedError):
            await store.create(b"/c", b"\xff")

        assert await store.get(b"/a") is None
        assert (await store.list(b"/a/b/")).items == []
        assert [item.key for item in (await store.list(b"/")).items] == [b"/a/b"]


@pytest.mark.slow
def test_etcd_without_v2_is_not_opened(tmp_path_factory: pytest.TempPathFactory) -> None:
    require_etcd()

    async def story() -> None:
        async with EtcdCluster(tmp_path_factory.mktemp("etcd3")) as cluster:
            with pytest.raises(StoreOpenError, match="--enable-v2"):
                await RemoteStore(parse_url(cluster.v2_url)).__aenter__()

    asyncio.run(story())


@pytest.mark.slow
async def test_streams_of_a_real_etcd_are_live_only_from_the_future(etcd: EtcdCluster) -> None:
    """What the feed rests on: the trap itself, and the head that gives it away."""
    async with two(etcd) as (store, link, _):
        first = await store.create(b"/a", b"one")
        for begin, name, live in ((first, b"/a", False), (first + 2, b"/live", True)):
            stream, lines = following.Stream(lambda: None), list[bytes]()
            path = b"/v2/keys/?wait=true&recursive=true&stream=true&waitIndex=%d" % begin
            exchange = await link.stream(path, stream)
            stream.pass_on(lines.extend)
            at = await store.create(b"/live" if live else b"/unheard", b"two")
            await reached(store, at)
            answer = await link.read(b"/v2/keys/nothing?quorum=true")
            exchange.connection.close(HttpError(Fault.BROKEN, "done"))

            assert [name in line for line in lines] == [True]
            assert (stream.index < begin) == live
            assert index_of(answer) >= at
