"""``--etcd-batch on`` on a real etcd: what it takes in one Txn, and whose an etcd is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import pytest

from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import SystemClock
from storage.errors import ConflictError, StoreOpenError
from storage.remote.etcd3 import ownership
from storage.remote.etcd3.keys import put_op, range_op
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.ownership import OWNER_KEY
from storage.remote.etcd3.rpc import GRANT, RANGE, REVOKE, TXN
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import CLIENTS, parse_url
from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.recorder import Recorder

PREFIXES: Iterator[int] = count(1)


@pytest.fixture(params=CLIENTS)
def url(shared_etcd: EtcdCluster, request: pytest.FixtureRequest) -> str:  # noqa: F811
    """Return an address whose keys are this test's."""
    return f"{shared_etcd.url}?client={request.param}&prefix=/batches-{next(PREFIXES)}"


def batching(url: str) -> RemoteStore:
    return RemoteStore(parse_url(f"{url}&batch=on"), SystemClock())


def plain(url: str) -> RemoteStore:
    return RemoteStore(parse_url(url), SystemClock())


@asynccontextmanager
async def link_to(url: str) -> AsyncIterator[Link]:
    link = Link(parse_url(url))
    link.open()
    try:
        yield link
    finally:
        await link.close()


async def owner_lease(link: Link) -> int:
    """Return the lease of the owner's key; 0: nobody owns the etcd."""
    found = await link.read(RANGE, rpc.RangeRequest(key=OWNER_KEY))
    return found.kvs[0].lease if found.kvs else 0


def keys(number: int) -> list[bytes]:
    return [b"/registry/pods/%03d" % n for n in range(number)]


async def test_writes_of_a_turn_share_revisions_and_are_told_at_once(url: str) -> None:
    async with batching(url) as store:
        recorder = Recorder()
        store.watch(b"", recorder, after=store.current_revision())

        made = await asyncio.gather(*(store.create(key, b"v") for key in keys(200)))

        assert {made.count(revision) for revision in made} == {127, 73}
        assert [change.revision for change in recorder.changes] == sorted(made)
        assert {change.key for change in recorder.changes} == set(keys(200))
        told = store.counters()
        assert (told["store_batches"], told["store_txns"], told["store_client_writes"]) == (
            2,
            2,
            200,
        )
        assert store.capabilities.shared_revisions
    assert store.counters() == told


async def test_updates_of_unknown_states_and_conflicts_are_judged_each_for_itself(url: str) -> None:
    async with batching(url) as store:
        made = await asyncio.gather(*(store.create(key, b"v") for key in keys(130)))
    async with batching(url) as store:  # which knows none of these states: two compares each
        asked = [
            store.update(key, b"v" if n == 1 else b"w", expected=revision - (n == 2))
            for n, (key, revision) in enumerate(zip(keys(130), made, strict=True))
        ]
        revisions = await asyncio.gather(*asked, return_exceptions=True)

        assert revisions[1] == made[1]
        assert isinstance(revisions[2], ConflictError)
        assert revisions[2].current.revision == made[2]
        new = [each for each in revisions if isinstance(each, int) and each > max(made)]
        assert len(new) == 128
        assert len(set(new)) == 2
        assert store.counters()["store_batched_writes"] == 130
        assert await store.delete(keys(1)[0]) > max(new)


async def test_a_lease_that_is_gone_costs_no_other_write_its_answer(url: str) -> None:
    async with link_to(url) as link, batching(url) as store:
        await store.create(b"/registry/events/first", b"v", ttl_s=100)
        found = await link.read(
            RANGE, rpc.RangeRequest(key=parse_url(url).prefix.encode() + b"/registry/events/first")
        )
        await link.once(REVOKE, rpc.LeaseRevokeRequest(ID=found.kvs[0].lease), 5)

        events = (store.create(b"/registry/events/%d" % n, b"v", ttl_s=100) for n in range(3))
        pods = (store.create(key, b"v") for key in keys(3))
        made = await asyncio.gather(*events, *pods)

        assert (await store.list(b"/registry/")).remaining == 0
        assert len((await store.list(b"/registry/")).items) == len(made)
        assert store.counters()["store_batches_refused"] == 1


@pytest.mark.slow
async def test_an_etcd_with_an_owner_is_refused_to_others_until_that_has_closed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "RENEW_S", 0.3)
    async with batching(url) as store:
        others = (batching(url), plain(url), batching(url + "0"))
        opened = (other.__aenter__() for other in others)

        for refusal in await asyncio.gather(*opened, return_exceptions=True):
            assert isinstance(refusal, StoreOpenError)
            assert "belongs to process" in str(refusal)
        await store.create(b"/a", b"v")
    async with batching(url) as store, link_to(url) as link:
        assert await owner_lease(link)
    async with plain(url) as store, link_to(url) as link:
        assert not await owner_lease(link)
        assert await store.get(b"/a") is not None


@pytest.mark.slow
async def test_an_owner_that_has_died_is_waited_for(url: str) -> None:
    async with link_to(url) as link:
        lease = (await link.read(GRANT, rpc.LeaseGrantRequest(TTL=2))).ID
        put = rpc.TxnRequest(success=[put_op(OWNER_KEY, b"process 1 on nowhere", lease)])
        await link.read(TXN, put)
        assert await owner_lease(link) == lease

        async with batching(url):
            assert await owner_lease(link) not in {0, lease}


@pytest.mark.slow
async def test_an_owner_that_is_robbed_writes_singly_and_claims_anew(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "RENEW_S", 0.3)
    async with link_to(url) as link, batching(url) as store:
        lost = await owner_lease(link)
        await link.once(REVOKE, rpc.LeaseRevokeRequest(ID=lost), 5)

        made = await asyncio.gather(*(store.create(key, b"v") for key in keys(20)))

        assert len(set(made)) == 20
        assert store.counters()["store_batches"] == 0
        assert store.counters()["store_owner_losses"] == 1
        async with asyncio.timeout(10):
            while store.counters()["store_batches"] == 0:
                deletes = (store.delete(key) for key in keys(20))
                await asyncio.gather(*deletes, return_exceptions=True)
        assert await owner_lease(link) not in {0, lost}


async def test_a_real_etcd_takes_what_a_batch_may_have_and_no_more(url: str) -> None:
    def txn(number: int) -> rpc.TxnRequest:
        ones = [
            rpc.TxnRequest(success=[put_op(b"/limits/%d" % n, b"", 0)], failure=[range_op(b"/x")])
            for n in range(number)
        ]
        return rpc.TxnRequest(success=[rpc.RequestOp(request_txn=one) for one in ones])

    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(link_to(url))
        assert len((await link.write(TXN, txn(127))).responses) == 127
        with pytest.raises(Exception, match="too many operations"):
            await link.write(TXN, txn(128))
