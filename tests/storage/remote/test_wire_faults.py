"""A store whose connection to etcd fails in every way: what writes and watches are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from storage.errors import UnknownOutcomeError
from storage.remote.url import CLIENTS
from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.remote.fault_proxy import Kept
from tests.storage.remote.wire_world import World, world
from tests.storage.serve.served import served

Story = Callable[[World], Awaitable[None]]


async def over_served(story: Story, client: str) -> None:
    async with served() as engine, world(engine.target, client=client) as made:
        await story(made)


async def over_real(story: Story, etcd: EtcdCluster, client: str) -> None:
    async with world(etcd.endpoints[0], client=client) as made:
        await story(made)


async def lost_answer(it: World) -> None:
    """The watch tells the event while the answer is on its way; then the connection is cut."""
    before = await it.direct.latest_revision()
    it.proxy.keep(Kept.ANSWERS)
    write = asyncio.ensure_future(it.store.create(it.key(b"a"), b"one"))
    await it.recorder.reach(before + 1)
    await it.proxy.kept_answers(1)
    it.proxy.cut()

    with pytest.raises(UnknownOutcomeError):
        await write
    found = await it.store.get(it.key(b"a"))
    assert found is not None
    assert (found.version, found.revision) == (1, before + 1)
    assert await it.direct.latest_revision() == before + 1
    assert await it.end() == [b"warm", b"one"]


async def lost_answer_and_event(it: World) -> None:
    """Neither answer nor event comes through; the watch that is opened again tells the event."""
    before = await it.direct.latest_revision()
    it.proxy.keep(Kept.ANSWERS, Kept.WATCHES)
    write = asyncio.ensure_future(it.store.create(it.key(b"a"), b"one"))
    await it.proxy.kept_answers(1)
    await it.proxy.kept_events(it.key(b"a"))
    it.proxy.cut()

    with pytest.raises(UnknownOutcomeError):
        await write
    assert await it.direct.latest_revision() == before + 1
    assert await it.end() == [b"warm", b"one"]


async def lost_request(it: World) -> None:
    """Etcd never sees it: but nobody here can know."""
    before = await it.direct.latest_revision()
    it.proxy.keep(Kept.REQUESTS)
    write = asyncio.ensure_future(it.store.create(it.key(b"a"), b"one"))
    await it.proxy.kept_request(it.key(b"a"))
    it.proxy.cut()

    with pytest.raises(UnknownOutcomeError):
        await write
    assert await it.direct.latest_revision() == before
    # A read is asked again until there is a connection: a write might meet the end of the old one.
    assert await it.store.get(it.key(b"a")) is None
    assert await it.store.create(it.key(b"a"), b"two") == before + 1
    assert await it.end() == [b"warm", b"two"]


async def late_answer(it: World) -> None:
    """An answer that is only late is an answer, and is given after its event."""
    before = await it.direct.latest_revision()
    it.proxy.keep(Kept.ANSWERS, Kept.WATCHES)
    write = asyncio.ensure_future(it.store.create(it.key(b"a"), b"one"))
    await it.proxy.kept_answers(1)
    await it.proxy.kept_events(it.key(b"a"))
    assert not write.done()
    it.proxy.release()

    assert await write == before + 1
    assert it.recorder.revision >= before + 1
    assert await it.end() == [b"warm", b"one"]


async def reads_again(it: World) -> None:
    """Reads whose answers are lost are asked again."""
    it.proxy.keep(Kept.ANSWERS)
    reads = asyncio.gather(
        it.store.get(it.key(b"warm")),
        it.store.list(it.prefix),
        it.store.count(it.prefix),
        it.store.latest_revision(),
        it.store.status(),
    )
    await it.proxy.kept_answers(5)
    it.proxy.cut()

    found, listing, count, latest, status = await reads
    assert found is not None
    assert found.value == b"warm"
    assert [item.key for item in listing.items] == [it.key(b"warm")]
    assert count == 1
    assert status.revision == latest == found.revision


async def cut_watch(it: World) -> None:
    """Calls go on while the watch is opened again, without a gap or a repetition."""
    expected = [b"warm"]
    for number in range(5):
        it.proxy.keep(Kept.WATCHES)
        value = b"%d" % number
        write = asyncio.ensure_future(it.store.create(it.key(value), value))
        await it.proxy.kept_events(it.key(value))
        assert not write.done()
        it.proxy.cut_watches()
        it.proxy.forget()
        await write
        expected.append(value)

    assert await it.end() == expected
    assert it.proxy.accepted == 1


STORIES = [
    lost_answer,
    lost_answer_and_event,
    lost_request,
    late_answer,
    reads_again,
    cut_watch,
]


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("story", STORIES)
def test_faults_of_the_wire_over_our_served_engine(story: Story, client: str) -> None:
    asyncio.run(over_served(story, client))


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("story", STORIES)
def test_faults_of_the_wire_over_a_real_etcd(
    story: Story,
    client: str,
    shared_etcd: EtcdCluster,  # noqa: F811
) -> None:
    asyncio.run(over_real(story, shared_etcd, client))
