"""TTLs over a remote store: which leases are granted, who shares them, and that keys end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from grpc import aio

from serialization.api.etcd import rpc_pb2 as rpc
from storage.records import KeyValue
from storage.remote.etcd3.leases import KEYS_MAX
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url
from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.recorder import Recorder
from tests.storage.serve.served import call, served

HOUR_S = 3600


class SetClock:
    """A clock that goes where a test puts it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def stamp_ns(self) -> int:
        return int(self.seconds * 10**9)

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Leasing:
    """A store, its clock, and what asks its etcd about leases."""

    store: RemoteStore
    clock: SetClock
    channel: aio.Channel
    url: str
    events: bytes
    """A prefix of this test's own, under that of Events."""

    async def state(self, key: bytes) -> KeyValue:
        """Return what stands at a key."""
        found = await self.store.get(key)
        assert found is not None
        return found

    async def lease(self, key: bytes) -> rpc.LeaseTimeToLiveResponse:
        """Return what etcd knows of the lease of a key."""
        request = rpc.LeaseTimeToLiveRequest(ID=(await self.state(key)).lease, keys=True)
        return await call(
            self.channel, "Lease/LeaseTimeToLive", request, rpc.LeaseTimeToLiveResponse
        )

    async def revoke(self, lease_id: int) -> None:
        """End a lease behind the store's back."""
        request = rpc.LeaseRevokeRequest(ID=lease_id)
        await call(self.channel, "Lease/LeaseRevoke", request, rpc.LeaseRevokeResponse)


@asynccontextmanager
async def leasing(target: str) -> AsyncIterator[Leasing]:
    clock, url = SetClock(), f"etcd3://{target}"
    async with (
        aio.insecure_channel(target) as channel,
        RemoteStore(parse_url(url), clock) as store,
    ):
        yield Leasing(store, clock, channel, url, b"/registry/events/%s/" % uuid4().hex.encode())


async def shared_by_events_alone(it: Leasing) -> None:
    other = it.events.replace(b"/events/", b"/masterleases/")
    for name in (b"a", b"b"):
        await it.store.create(it.events + name, b"event", ttl_s=HOUR_S)
        await it.store.create(other + name, b"other", ttl_s=15)
    await it.store.create(it.events + b"plain", b"stays")

    shared = await it.lease(it.events + b"a")
    assert sorted(shared.keys) == [it.events + b"a", it.events + b"b"]
    assert shared.grantedTTL == HOUR_S + 60
    for name in (b"a", b"b"):
        own = await it.lease(other + name)
        assert (list(own.keys), own.grantedTTL) == ([other + name], 15)
    assert (await it.state(it.events + b"plain")).lease == 0


async def given_for_a_minute(it: Leasing) -> None:
    ids: list[int] = []
    for seconds in (0, 30, 29.9, 0.2, 59.9):
        it.clock.seconds += seconds
        key = it.events + b"%d" % len(ids)
        await it.store.create(key, b"event", ttl_s=HOUR_S)
        ids.append((await it.state(key)).lease)
        # etcd's clock stands nearly still meanwhile; a key has the hour when its minute is over.
        assert (await it.lease(key)).TTL >= HOUR_S

    assert ids == [ids[0]] * 3 + [ids[3]] * 2
    assert ids[0] != ids[3]


async def short_ttls_are_barely_longer(it: Leasing) -> None:
    """A lease lasts a twentieth longer than asked, and is given to others for so long."""
    for ttl_s, granted_s in ((20, 21), (100, 105), (1200, 1260), (7200, 7260), (19, 19)):
        keys = [it.events + b"%d/%d" % (ttl_s, number) for number in range(2)]
        for key in keys:
            await it.store.create(key, b"event", ttl_s=ttl_s)
        lease = await it.lease(keys[0])
        assert lease.grantedTTL == granted_s
        assert len(lease.keys) == (2 if ttl_s > 19 else 1)


async def bounded_by_keys(it: Leasing) -> None:
    keys = [it.events + b"%d" % number for number in range(2 * KEYS_MAX + 500)]
    for at in range(0, len(keys), 250):  # all at once, the last would be late on a slow machine
        some = keys[at : at + 250]
        await asyncio.gather(*[it.store.create(key, b"event", ttl_s=HOUR_S) for key in some])

    uses = Counter(item.lease for item in (await it.store.list(it.events)).items)
    assert sorted(uses.values()) == [500, KEYS_MAX, KEYS_MAX]


async def dead_before_its_time(it: Leasing) -> None:
    """A lease that somebody revoked is granted anew, once for all who wait; writes happen once."""
    recorder = Recorder(it.store.current_revision())
    it.store.watch(it.events, recorder, after=recorder.revision)
    await it.store.create(it.events + b"first", b"event", ttl_s=HOUR_S)
    dead = (await it.state(it.events + b"first")).lease
    await it.revoke(dead)

    keys = [it.events + b"%d" % number for number in range(20)]
    made = await asyncio.gather(*[it.store.create(k, b"event", ttl_s=HOUR_S) for k in keys])

    assert await it.store.get(it.events + b"first") is None
    states = [await it.state(key) for key in keys]
    assert [(state.version, state.revision) for state in states] == [(1, at) for at in made]
    assert len({state.lease for state in states} - {dead}) == 1
    assert [change.version for change in recorder.changes] == [1, 0] + [1] * 20


async def renewed_and_detached(it: Leasing) -> None:
    """An update gives the present lease; one without a TTL takes it away, though nothing else."""
    key = it.events + b"a"
    made = await it.store.create(key, b"event", ttl_s=HOUR_S)
    first = (await it.state(key)).lease
    it.clock.seconds += 61
    renewed = await it.store.update(key, b"event", expected=made, ttl_s=HOUR_S)
    second = (await it.state(key)).lease
    kept = await it.store.update(key, b"event", expected=renewed)
    again = await it.store.update(key, b"event", expected=kept)

    assert first != second
    assert renewed > made
    assert again == kept > renewed
    assert (await it.state(key)).lease == 0
    await it.revoke(second)
    assert (await it.state(key)).value == b"event"


async def detached_by_who_has_not_seen_it(it: Leasing) -> None:
    """The store that takes the lease away has not been told of the key by its watch."""
    key = it.events + b"a"
    made = await it.store.create(key, b"event", ttl_s=HOUR_S)
    async with RemoteStore(parse_url(it.url), it.clock) as other:
        kept = await other.update(key, b"event", expected=made)

        assert kept > made
        assert await other.update(key, b"event", expected=kept) == kept
    assert (await it.state(key)).lease == 0


async def ended(it: Leasing) -> None:
    """Real time: the shortest lease that etcd grants."""
    key = it.events.replace(b"/events/", b"/masterleases/") + b"a"
    recorder = Recorder(it.store.current_revision())
    it.store.watch(key, recorder, after=recorder.revision)
    made = await it.store.create(key, b"own", ttl_s=1)

    await recorder.reach(made + 1)

    assert [change.value for change in recorder.changes] == [b"own", None]
    assert await it.store.get(key) is None


Story = Callable[[Leasing], Awaitable[None]]
STORIES = [
    shared_by_events_alone,
    given_for_a_minute,
    short_ttls_are_barely_longer,
    bounded_by_keys,
    dead_before_its_time,
    renewed_and_detached,
    detached_by_who_has_not_seen_it,
    ended,
]


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES)
def test_leases_over_our_served_engine(story: Story) -> None:
    async def run() -> None:
        async with served() as engine, leasing(engine.target) as it:
            await story(it)

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES)
def test_leases_over_a_real_etcd(story: Story, shared_etcd: EtcdCluster) -> None:  # noqa: F811
    async def run() -> None:
        async with leasing(shared_etcd.endpoints[0]) as it:
            await story(it)

    asyncio.run(run())
