"""Endpoints of an etcd 2 that refuse or hang: another is asked, and where there is none it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from storage.errors import StoreUnavailableError, UnknownOutcomeError, UnsupportedError
from storage.remote.etcd2 import feed, link
from storage.remote.etcd2.store import RemoteStore
from storage.remote.url import parse_url
from tests.storage.remote.fault_proxy import Kept
from tests.storage.remote.served import Served
from tests.storage.remote.test_failover import all_calls
from tests.storage.remote.wire_world import World, world_behind
from tests.storage.remote2.http_proxy import HttpFaultProxy


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    served = Served(tmp_path, api=2)
    served.start()
    yield served.url.removeprefix("etcd2://")
    served.kill()


@asynccontextmanager
async def world(upstream: str, *, second: bool = False) -> AsyncIterator[World]:
    options = f"prefix=/{uuid4().hex}"
    async with (
        HttpFaultProxy(upstream) as proxy,
        world_behind(proxy, upstream, options, second) as made,
    ):
        yield made


@pytest.mark.slow
async def test_calls_end_in_time_where_nobody_answers(
    upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where connections are refused nothing was written; where they hang nobody knows."""
    monkeypatch.setattr(link, "CALL_S", 2.0)
    monkeypatch.setattr(link, "LONG_S", 1.0)
    async with world(upstream) as gone, world(upstream) as hung:
        before = await gone.direct.latest_revision()
        gone.proxy.refuse()
        await gone.proxy.refuses()
        await gone.proxy.close()
        hung.proxy.keep(Kept.ALL)
        async with asyncio.timeout(3 * link.CALL_S):
            refused, unknown = await asyncio.gather(
                all_calls(gone.store, gone), all_calls(hung.store, hung)
            )

        assert kinds(refused) == [StoreUnavailableError] * 9 + [UnsupportedError]
        writes = [UnknownOutcomeError] * 4
        assert kinds(unknown) == [*writes, *[StoreUnavailableError] * 5, UnsupportedError]
        assert await gone.direct.latest_revision() == before
        hung.proxy.cut()
        assert await hung.end() == [b"warm"]


def kinds(outcomes: Sequence[object]) -> list[type]:
    return [type(each) for each in outcomes]


@pytest.mark.slow
async def test_endpoint_that_is_gone_is_left_for_the_next(upstream: str) -> None:
    async with world(upstream, second=True) as it:
        it.proxy.refuse()

        for number in range(5):
            value = b"%d" % number
            while True:  # one may meet the end of the old connection
                try:
                    await it.store.create(it.key(value), value)
                except UnknownOutcomeError:
                    continue
                break

        assert (await it.end())[-1] == b"4"


@pytest.mark.slow
async def test_endpoint_that_hangs_is_left_for_the_next(
    upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(upstream, second=True) as it:
        monkeypatch.setattr(link, "CALL_S", 4.0)
        monkeypatch.setattr(link, "TRY_S", 0.5)
        it.proxy.keep(Kept.ALL)

        assert await it.store.get(it.key(b"warm")) is not None
        written = await it.store.create(it.key(b"a"), b"one")

        assert it.recorder.revision >= written
        assert await it.end() == [b"warm", b"one"]


@pytest.mark.slow
async def test_watch_that_hangs_while_calls_are_answered_is_left(
    upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "QUIET_S", 0.05)
    monkeypatch.setattr(feed, "SILENT_S", 0.4)
    async with world(upstream, second=True) as it:
        it.proxy.keep(Kept.WATCHES)

        written = await it.store.create(it.key(b"a"), b"one")

        assert it.recorder.revision >= written
        it.proxy.forget()
        assert await it.end() == [b"warm", b"one"]


@pytest.mark.slow
async def test_store_opens_where_its_first_endpoint_is_gone_or_hangs(
    upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "TRY_S", 0.3)
    async with HttpFaultProxy(upstream) as gone, HttpFaultProxy(upstream) as hung:
        gone.refuse()
        hung.keep(Kept.ALL)
        url = f"etcd2://{gone.target},{hung.target},{upstream}?prefix=/{uuid4().hex}"
        async with RemoteStore(parse_url(url)) as store:
            assert await store.create(b"/a", b"v") == store.current_revision()
            assert store.counters()["store_failovers"] >= 2
        monkeypatch.setattr(link, "CALL_S", 0.5)
        monkeypatch.setattr(feed, "CALL_S", 0.5)
        for target in (gone.target, hung.target):
            with pytest.raises(StoreUnavailableError, match="cannot reach etcd2://"):
                await RemoteStore(parse_url(f"etcd2://{target}")).__aenter__()
