"""A store that is closed while its etcd does not answer ends in time, and says what it knows."""

from __future__ import annotations

import asyncio

import pytest

from storage.clock import SystemClock
from storage.errors import StoreClosedError, UnknownOutcomeError
from storage.remote.etcd3 import store as store_module
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url
from tests.storage.recorder import Recorder
from tests.storage.remote.fault_proxy import FaultProxy, Kept
from tests.storage.serve.served import served

SOON_S = 0.05
ENOUGH_S = 1.0
"""Reads that nothing holds up are answered in it, on a slow machine, too."""
PATIENCE_S = 5.0
"""Far above ``SOON_S``, far below what a call may take."""


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "CLOSE_S", SOON_S)


@pytest.mark.parametrize(
    ("kept", "close_s"),
    [
        (Kept.REQUESTS, SOON_S),
        (Kept.ANSWERS, SOON_S),
        pytest.param(Kept.WATCHES, ENOUGH_S, marks=pytest.mark.slow),
        (Kept.ALL, SOON_S),
    ],
)
async def test_close_ends_in_time_what_is_under_way(
    kept: Kept, close_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "CLOSE_S", close_s)
    async with served() as engine, FaultProxy(engine.target) as proxy:
        store = RemoteStore(parse_url(proxy.url), SystemClock())
        async with store:
            await store.create(b"/a", b"one")
            start = store.current_revision()
            live, replaying = Recorder(start), Recorder(start - 1)
            store.watch(b"/", live, after=start)
            store.watch(b"/", replaying, after=start - 1)
            proxy.keep(kept)
            writes = [store.create(b"/%d" % number, b"v") for number in range(3)]
            reads = [
                asyncio.ensure_future(call)
                for call in (store.get(b"/a"), store.list(b"/"), store.latest_revision())
            ]
            await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_S):
                await store.__aexit__()

        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(answer) for answer in answers] == [UnknownOutcomeError] * 3
        for read in reads:
            if kept is Kept.WATCHES:
                await read
            else:
                with pytest.raises(StoreClosedError):
                    await read
        assert isinstance(live.error, StoreClosedError)
        assert isinstance(replaying.error, StoreClosedError)


@pytest.mark.usefixtures("_soon")
async def test_close_that_is_cancelled_still_closes() -> None:
    async with served() as engine, FaultProxy(engine.target) as proxy:
        store = await RemoteStore(parse_url(proxy.url), SystemClock()).__aenter__()
        recorder = Recorder(store.current_revision())
        store.watch(b"/", recorder, after=recorder.revision)
        proxy.keep(Kept.ALL)
        write = store.create(b"/a", b"one")
        closing = asyncio.ensure_future(store.__aexit__())
        await asyncio.sleep(0)

        closing.cancel()

        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(UnknownOutcomeError):
            await write
        assert isinstance(recorder.error, StoreClosedError)
