"""A store whose connections to an etcd 2 fail in every way: what writes and watches are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from uuid import uuid4

import pytest

from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import require_etcd
from tests.storage.remote.fault_proxy import Kept
from tests.storage.remote.served import Served
from tests.storage.remote.test_wire_faults import (
    late_answer,
    lost_answer,
    lost_answer_and_event,
    lost_request,
    reads_again,
)
from tests.storage.remote.wire_world import World, world_behind
from tests.storage.remote2.http_proxy import HttpFaultProxy

Story = Callable[[World], Awaitable[None]]


@pytest.fixture(scope="module", params=["real", "served"])
def upstream(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Return where an etcd 2 of either kind listens."""
    directory = tmp_path_factory.mktemp("etcd2")
    if request.param == "real":
        require_etcd()
        cluster = EtcdCluster(directory, EtcdOptions(enable_v2=True))
        asyncio.run(cluster.start())
        yield cluster.endpoints[0]
        cluster.kill()
    else:
        served = Served(directory, api=2)
        served.start()
        yield served.url.removeprefix("etcd2://")
        served.kill()


async def cut_watch(it: World) -> None:
    """Calls go on while the watch is begun again, without a gap or a repetition."""
    expected: list[bytes | None] = [b"warm"]
    for number in range(5):
        it.proxy.keep(Kept.WATCHES)
        value = b"%d" % number
        write = asyncio.ensure_future(it.store.create(it.key(value), value))
        await it.proxy.kept_events(it.key(value))
        assert not write.done()
        it.proxy.forget()
        it.proxy.cut_watches()
        await write
        expected.append(value)

    assert await it.end() == expected


async def many_while_the_watch_is_away(it: World) -> None:
    """What others wrote meanwhile, and hidden changes among it, is fetched by polls."""
    it.proxy.keep(Kept.WATCHES)
    first = asyncio.ensure_future(it.store.create(it.key(b"first"), b"first"))
    await it.proxy.kept_events(it.key(b"first"))
    values = [b"%03d" % number for number in range(300)]
    await asyncio.gather(*[it.direct.create(it.key(value), value) for value in values])
    it.proxy.forget()
    it.proxy.cut_watches()
    await first

    told = await it.end()
    assert told[:2] == [b"warm", b"first"]
    assert sorted(value or b"" for value in told[2:]) == values


STORIES = [
    lost_answer,
    lost_answer_and_event,
    lost_request,
    late_answer,
    reads_again,
    cut_watch,
    many_while_the_watch_is_away,
]


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES)
def test_faults_of_the_wire(story: Story, upstream: str) -> None:
    async def whole() -> None:
        async with (
            HttpFaultProxy(upstream) as proxy,
            world_behind(proxy, upstream, f"prefix=/{uuid4().hex}") as made,
        ):
            await story(made)

    asyncio.run(whole())
