"""Endpoints that refuse or hang: another one is asked, and where there is none it ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from storage.errors import StoreUnavailableError, UnknownOutcomeError
from storage.interface import Store
from storage.remote import rotation
from storage.remote.etcd3 import feed, link
from storage.remote.url import CLIENTS
from tests.storage.remote.fault_proxy import Kept
from tests.storage.remote.wire_world import World, world
from tests.storage.serve.served import served

Story = Callable[[World], Awaitable[None]]

SILENT_S = 0.2
WARM_S = 1.0
"""Until a test's world is up, which takes its time on a slow machine, silence is longer."""


@pytest.fixture
def silences(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes silences brief, to be called when the world is up."""
    monkeypatch.setattr(feed, "SILENT_S", WARM_S)
    return lambda: monkeypatch.setattr(feed, "SILENT_S", SILENT_S)


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """Return each of the clients in turn."""
    return str(request.param)


def run(story: Story, client: str, *, second: bool) -> None:
    async def whole() -> None:
        async with (
            served() as engine,
            world(engine.target, second=second, client=client) as it,
        ):
            await story(it)

    asyncio.run(whole())


def test_refused_calls_are_asked_again_until_the_endpoint_takes_them(client: str) -> None:
    async def story(it: World) -> None:
        before = await it.direct.latest_revision()
        it.proxy.refuse()
        await it.proxy.refuses()
        write = asyncio.ensure_future(it.store.create(it.key(b"a"), b"one"))
        read = asyncio.ensure_future(it.store.get(it.key(b"warm")))
        await asyncio.sleep(0)
        it.proxy.accept()

        assert await write == before + 1
        assert await read is not None
        assert await it.end() == [b"warm", b"one"]

    run(story, client, second=False)


def test_another_endpoint_is_asked_where_one_refuses(client: str) -> None:
    async def story(it: World) -> None:
        before = await it.direct.latest_revision()
        it.proxy.refuse()

        assert await it.store.get(it.key(b"warm")) is not None
        assert await it.store.create(it.key(b"a"), b"one") == before + 1
        assert await it.end() == [b"warm", b"one"]

    run(story, client, second=True)


@pytest.mark.slow
def test_another_endpoint_is_asked_and_watched_where_one_hangs(
    monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    monkeypatch.setattr(link, "TRY_S", 0.5)
    monkeypatch.setattr(rotation, "STALL_S", 0.2)

    async def story(it: World) -> None:
        before = await it.direct.latest_revision()
        it.proxy.keep(Kept.ALL)
        hanging = asyncio.ensure_future(it.store.create(it.key(b"lost"), b"lost"))
        read = asyncio.ensure_future(it.store.get(it.key(b"warm")))
        await it.proxy.kept_request(it.key(b"lost"))

        assert await read is not None
        assert await it.store.create(it.key(b"a"), b"one") == before + 1
        assert not hanging.done()
        it.proxy.cut()
        with pytest.raises(UnknownOutcomeError):
            await hanging
        assert await it.end() == [b"warm", b"one"]

    run(story, client, second=True)


@pytest.mark.slow
def test_silent_watch_is_opened_again_elsewhere(silences: Callable[[], None], client: str) -> None:
    async def story(it: World) -> None:
        silences()
        before = await it.direct.latest_revision()
        it.proxy.keep(Kept.WATCHES)

        assert await it.store.create(it.key(b"a"), b"one") == before + 1
        assert await it.end() == [b"warm", b"one"]

    run(story, client, second=True)


@pytest.mark.slow
def test_revision_that_others_made_breaks_the_silence(
    silences: Callable[[], None], client: str
) -> None:
    async def story(it: World) -> None:
        silences()
        it.proxy.keep(Kept.WATCHES)
        made = await it.direct.create(it.key(b"a"), b"one")
        await it.proxy.kept_events(it.key(b"a"))

        assert await it.store.latest_revision() == made
        await it.recorder.reach(made)
        assert await it.end() == [b"warm", b"one"]

    run(story, client, second=True)


@pytest.mark.slow
def test_write_that_no_watch_tells_is_unknown_and_told_later(
    silences: Callable[[], None], client: str
) -> None:
    async def story(it: World) -> None:
        silences()
        before = await it.direct.latest_revision()
        it.proxy.keep(Kept.WATCHES)
        with pytest.raises(UnknownOutcomeError, match="no watch tells it"):
            await it.store.create(it.key(b"a"), b"one")
        it.proxy.release()

        assert await it.direct.latest_revision() == before + 1
        assert await it.end() == [b"warm", b"one"]

    run(story, client, second=False)


async def all_calls(store: Store, it: World) -> Sequence[BaseException | object]:
    """Call everything at once, and return what came of it."""
    key = it.key(b"a")
    return await asyncio.gather(
        store.create(key, b"one"),
        store.create(it.key(b"b"), b"one", ttl_s=60),
        store.update(it.key(b"warm"), b"two", expected=it.recorder.revision),
        store.delete(it.key(b"warm"), expected=it.recorder.revision),
        store.get(key),
        store.list(it.prefix),
        store.count(it.prefix),
        store.latest_revision(),
        store.status(),
        store.compact(it.recorder.revision),
        return_exceptions=True,
    )


@pytest.mark.slow
def test_calls_end_in_time_where_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    """Where connections are refused nothing was written; where they hang nobody knows."""
    monkeypatch.setattr(link, "CALL_S", 2.0)

    async def whole() -> None:
        async with (
            served() as engine,
            world(engine.target, client=client) as gone,
            world(engine.target, client=client) as hung,
        ):
            before = await gone.direct.latest_revision()
            gone.proxy.refuse()
            await gone.proxy.refuses()
            await gone.proxy.close()
            hung.proxy.keep(Kept.ALL)
            async with asyncio.timeout(2 * link.CALL_S):
                refused, unknown = await asyncio.gather(
                    all_calls(gone.store, gone), all_calls(hung.store, hung)
                )
            assert [type(each) for each in refused] == [StoreUnavailableError] * 10
            writes = [UnknownOutcomeError, StoreUnavailableError] + [UnknownOutcomeError] * 2
            assert [type(each) for each in unknown] == writes + [StoreUnavailableError] * 6
            assert await gone.direct.latest_revision() == before
            hung.proxy.cut()
            assert await hung.end() == [b"warm"]

    asyncio.run(whole())
