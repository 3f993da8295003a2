"""An etcd 2 that is another one than before, or has gone back: it is said, and life goes on."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from storage.errors import HistoryLostError
from storage.remote.etcd2.store import RemoteStore
from storage.remote.url import parse_url
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import require_etcd
from tests.storage.recorder import Recorder
from tests.storage.remote.served import Served
from tests.storage.remote2.http_proxy import HttpFaultProxy

V2 = EtcdOptions(enable_v2=True)


def watched(store: RemoteStore) -> Recorder:
    recorder = Recorder(store.current_revision())
    store.watch(b"/", recorder, after=recorder.revision)
    return recorder


async def goes_on(store: RemoteStore, key: bytes) -> None:
    """Check that the store tells what it writes."""
    recorder = watched(store)
    written = await store.create(key, b"v")
    assert recorder.revisions == [written]
    assert store.current_revision() == written == await store.latest_revision()


@pytest.mark.slow
async def test_another_etcd_in_the_place_of_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    require_etcd()
    async with (
        EtcdCluster(tmp_path / "one", V2) as one,
        EtcdCluster(tmp_path / "two", V2) as two,
        HttpFaultProxy(one.endpoints[0]) as proxy,
        RemoteStore(parse_url(proxy.url)) as store,
    ):
        await store.create(b"/a", b"v")
        recorder = watched(store)
        with caplog.at_level(logging.ERROR):
            proxy.turn_to(two.endpoints[0])
            error = await recorder.end()

        assert isinstance(error, HistoryLostError)
        assert len(caplog.records) == 1
        await goes_on(store, b"/a")


@pytest.mark.slow
async def test_engine_that_was_restored_from_an_older_state(tmp_path: Path) -> None:
    served = Served(tmp_path, api=2)
    data, copy = tmp_path / "data", tmp_path / "copy"
    served.start()
    try:
        async with RemoteStore(parse_url(served.url)) as store:
            await store.create(b"/kept", b"v")
            served.kill()
            shutil.copytree(data, copy)
            served.start()
            await store.get(b"/kept")  # a write might meet the end of the old connection
            for number in range(20):
                await store.create(b"/lost/%d" % number, b"v")
            recorder, before = watched(store), store.current_revision()
            served.kill()
            shutil.rmtree(data)
            copy.rename(data)
            served.start()
            error = await recorder.end()

            assert isinstance(error, HistoryLostError)
            assert error.current < before
            await goes_on(store, b"/lost/0")
            assert [item.key for item in (await store.list(b"/")).items] == [b"/kept", b"/lost/0"]
    finally:
        served.kill()
