"""Watch responses in fragments: whatever they are cut into, revisions come out whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.api.etcd import kv_pb2
from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import SystemClock
from storage.errors import CompactedError
from storage.mvcc import PutOp, Txn
from storage.remote.etcd3.by_http2 import Http2Connection
from storage.remote.etcd3.failures import COMPACTED, CallError
from storage.remote.etcd3.keys import ALL, DELETE, KeySpace
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.rpc import Method, Stream
from storage.remote.etcd3.store import RemoteStore
from storage.remote.etcd3.watching import WholeRevisions
from storage.remote.url import parse_url
from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.recorder import Recorder
from tests.storage.serve.served import Served, served

FRAGMENT_BYTES = (3 << 19) + (512 << 10)
"""As etcd has it: what a request may be, and overhead."""


class Told:
    """A stream that tells what it is given."""

    def __init__(self, responses: Iterable[rpc.WatchResponse]) -> None:
        self.requests: list[rpc.WatchRequest] = []
        self._responses = iter(responses)

    async def write(self, request: rpc.WatchRequest) -> None:
        self.requests.append(request)

    async def read(self) -> rpc.WatchResponse:
        response = next(self._responses, None)
        if response is None:
            raise CallError("UNAVAILABLE", "the stream has ended")
        return response

    def cancel(self) -> None:
        return


class Asked:
    """A link that tells what keys were at revisions; what it does not know has been compacted.

    Where not ``compacted``, it can count all keys at any revision.
    """

    def __init__(self, *known: kv_pb2.KeyValue, compacted: bool = False) -> None:
        self.requests: list[tuple[bytes, int]] = []
        self._compacted = compacted
        self._known = {(kv.key, kv.mod_revision): kv for kv in known}

    async def read(
        self, method: Method[rpc.RangeRequest, rpc.RangeResponse], request: rpc.RangeRequest
    ) -> rpc.RangeResponse:
        self.requests.append((request.key, request.revision))
        if request.count_only and not self._compacted:
            return method.answer(count=1)
        kv = self._known.get((request.key, request.revision))
        if kv is None:
            raise CallError("OUT_OF_RANGE", f"etcdserver: mvcc: {COMPACTED}")
        return method.answer(kvs=[kv])


class Weighed:
    """Another stream, whose responses are weighed."""

    def __init__(self, stream: Stream) -> None:
        self.sizes: list[int] = []
        self.fragments = 0
        self._stream = stream
        self.write = stream.write
        self.cancel = stream.cancel

    async def read(self) -> rpc.WatchResponse:
        response = await self._stream.read()
        self.sizes.append(response.ByteSize())
        self.fragments += response.fragment
        return response


def event(revision: int, number: int) -> kv_pb2.Event:
    kv = kv_pb2.KeyValue(key=b"/%d/%d" % (revision, number), mod_revision=revision)
    return kv_pb2.Event(kv=kv)


async def last_of(watching: WholeRevisions, count: int) -> Sequence[kv_pb2.Event]:
    for _ in range(count - 1):
        await watching.read()
    return await watching.read()


async def all_of(watching: WholeRevisions) -> list[Sequence[kv_pb2.Event]]:
    await watching.begin()
    pieces = []
    while True:
        try:
            pieces.append(await watching.read())
        except CallError:
            return pieces


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), max_size=8),
    st.lists(st.integers(0, 30), max_size=8),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_revisions_come_out_whole_however_they_are_cut(
    revisions: list[tuple[int, int]], cuts: list[int], ends: list[int]
) -> None:
    events, at = [], 7
    for step, count in revisions:
        at += step
        events += [event(at, number) for number in range(count)]
    # A response, unlike a fragment, ends where a revision does.
    firsts = {n for n, (a, b) in enumerate(pairwise(events), 1) if revision_of(a) != revision_of(b)}
    whole = firsts & {end for end in ends if end < len(events)}
    places = sorted({0, len(events), *(cut for cut in cuts if cut < len(events)), *whole})
    responses = [rpc.WatchResponse(created=True)]
    for start, stop in pairwise(places):
        fragment = stop < len(events) and stop not in whole
        responses.append(rpc.WatchResponse(events=events[start:stop], fragment=fragment))
    watching = WholeRevisions(Told(responses), 7, Asked())

    pieces = asyncio.run(all_of(watching))

    assert [each for piece in pieces for each in piece] == events
    told = [{revision_of(each) for each in piece} for piece in pieces]
    assert sum(map(len, told)) == len(set().union(*told)), "a revision is in two pieces"
    assert watching.after == at


def revision_of(each: kv_pb2.Event) -> int:
    return each.kv.mod_revision


def response(*events: kv_pb2.Event, fragment: bool = False) -> rpc.WatchResponse:
    return rpc.WatchResponse(events=events, fragment=fragment)


@pytest.mark.parametrize(
    "responses",
    [
        [response(event(7, 0), event(8, 0))],
        [response(event(7, 0), fragment=True), response(event(8, 0))],
        [response(event(8, 0)), response(event(8, 1))],
        [response(event(8, 0)), response(event(7, 0))],
    ],
)
async def test_revision_that_was_told_before_ends_the_stream(
    responses: list[rpc.WatchResponse],
) -> None:
    watching = WholeRevisions(Told([rpc.WatchResponse(), *responses]), 7, Asked())
    await watching.begin()

    with pytest.raises(CallError, match="told a revision again"):
        await last_of(watching, len(responses))


async def test_history_is_told_only_where_none_of_it_was_compacted() -> None:
    stream = Told([rpc.WatchResponse(), response(), response(event(8, 0)), response(event(9, 0))])
    link = Asked()
    assert len(await all_of(WholeRevisions(stream, 7, link))) == 3
    assert link.requests == [(ALL, 7)], "once"

    stream = Told([rpc.WatchResponse(), response(event(9, 0))])
    watching = WholeRevisions(stream, 7, Asked(compacted=True))
    await watching.begin()
    with pytest.raises(CompactedError):
        await watching.read()


async def compacted_at_a_deletion(target: str, prefix: bytes) -> None:
    """Compact at a deletion, which the next watch would be the first to tell."""
    key = prefix + b"gone"
    async with RemoteStore(parse_url(f"etcd3://{target}"), SystemClock()) as store:
        await store.create(key, b"v")
        known = store.current_revision()
        deleted = await store.delete(key)
        await store.create(prefix + b"kept", b"v")
        await store.compact(deleted)

    with pytest.raises(CompactedError) as caught:
        await weighed(target, known, deleted)

    assert (caught.value.revision, caught.value.compacted) == (known, deleted)
    assert (await weighed(target, deleted, deleted + 1))[0] == [deleted + 1]


async def test_deletion_that_was_compacted_is_not_passed_over_by_a_served_engine() -> None:
    async with served() as engine:
        await compacted_at_a_deletion(engine.target, b"/gone/")


@pytest.mark.slow
async def test_deletion_that_was_compacted_is_not_passed_over_by_a_real_etcd(
    shared_etcd: EtcdCluster,  # noqa: F811  # the fixture
) -> None:
    await compacted_at_a_deletion(shared_etcd.endpoints[0], b"/gone/")


async def test_end_of_a_watch_says_whether_it_was_compacted() -> None:
    told = Told([rpc.WatchResponse(), rpc.WatchResponse(canceled=True, compact_revision=9)])
    watching = WholeRevisions(told, 7, Asked())
    await watching.begin()
    with pytest.raises(CompactedError) as caught:
        await watching.read()
    assert (caught.value.revision, caught.value.compacted) == (7, 9)

    told = Told([rpc.WatchResponse(canceled=True, cancel_reason="permission denied")])
    with pytest.raises(CallError, match="permission denied"):
        await WholeRevisions(told, 7, Asked()).begin()


def state(revision: int, version: int) -> kv_pb2.KeyValue:
    return kv_pb2.KeyValue(
        key=b"/k", value=b"v", mod_revision=revision, create_revision=5, version=version
    )


async def test_states_that_etcd_left_out_before_its_first_are_asked_for() -> None:
    """It watches before it notes that they are wanted."""
    gone = kv_pb2.Event(type=DELETE, kv=kv_pb2.KeyValue(key=b"/k", mod_revision=8))
    made = kv_pb2.Event(kv=state(9, 1))
    bare, told, late = (kv_pb2.Event(kv=state(at, at - 8)) for at in (10, 11, 12))
    told.prev_kv.CopyFrom(state(10, 2))
    pieces = [[gone], [made, bare], [told], [late]]
    stream = Told([rpc.WatchResponse(), *(rpc.WatchResponse(events=each) for each in pieces)])
    link = Asked(state(7, 3), state(9, 1))
    watching = WholeRevisions(stream, 7, link)

    events = [each for piece in await all_of(watching) for each in piece]
    changes = list(KeySpace(b"").changes(events))

    assert link.requests == [(ALL, 7), (b"/k", 7), (b"/k", 9)]
    before = [None if each.previous is None else each.previous.revision for each in changes]
    assert before == [7, None, 9, 10, None]
    assert changes[0].create_revision == 5


async def test_state_before_a_change_may_be_gone() -> None:
    event = kv_pb2.Event(kv=state(8, 2))
    told = Told([rpc.WatchResponse(), rpc.WatchResponse(events=[event])])
    link = Asked()

    pieces = await all_of(WholeRevisions(told, 7, link))

    assert link.requests == [(ALL, 7), (b"/k", 7)]
    assert [list(piece) for piece in pieces] == [[event]]
    assert not event.HasField("prev_kv")


async def weighed(target: str, after: int, end: int) -> tuple[list[int], Weighed]:
    """Read revisions straight from a server; return them, and the stream they came from."""
    connection = Http2Connection(target, None)
    stream = Weighed(connection.watch(()))
    link = Link(parse_url(f"etcd3://{target}"))
    link.open()
    watching = WholeRevisions(stream, after, link)
    revisions: list[int] = []
    try:
        await watching.begin()
        while watching.after < end:
            revisions += [revision_of(each) for each in await watching.read()]
    finally:
        stream.cancel()
        await connection.close()
        await link.close()
    return revisions, stream


async def replayed(target: str, prefix: bytes) -> Weighed:
    """Write 8 MB, replay them through a store; return how they came."""
    async with RemoteStore(parse_url(f"etcd3://{target}"), SystemClock()) as store:
        start = store.current_revision()
        for number in range(40):
            await store.create(prefix + b"%d" % number, bytes(200_000))
        end = store.current_revision()
    async with RemoteStore(parse_url(f"etcd3://{target}"), SystemClock()) as store:
        recorder = Recorder(start)
        store.watch(prefix, recorder, after=start)
        await recorder.reach(end)

    revisions, stream = await weighed(target, start, end)

    assert revisions == recorder.revisions == list(range(start + 1, end + 1))
    assert max(stream.sizes) <= FRAGMENT_BYTES
    return stream


async def test_long_history_of_a_served_engine_comes_in_pieces() -> None:
    async with served() as engine:
        await replayed(engine.target, b"/pieces/")


@pytest.mark.slow
async def test_long_history_of_a_real_etcd_comes_in_fragments(
    shared_etcd: EtcdCluster,  # noqa: F811  # the fixture
) -> None:
    stream = await replayed(shared_etcd.endpoints[0], b"/fragments/")

    assert stream.fragments >= 3


async def written_at_once(engine: Served, count: int) -> int:
    puts = tuple(PutOp(b"/k/%d" % number, bytes(100_000)) for number in range(count))
    return (await engine.store.txn(Txn((), puts))).revision


async def test_one_revision_in_fragments_is_one_batch() -> None:
    async with served() as engine:
        url = parse_url(f"etcd3://{engine.target}")
        async with RemoteStore(url, SystemClock()) as store:
            live = Recorder(1)
            store.watch(b"/", live, after=1)
            assert await written_at_once(engine, 50) == 2
            await live.reach(2)
        async with RemoteStore(url, SystemClock()) as store:
            replayed = Recorder(1)
            store.watch(b"/", replayed, after=1)
            await replayed.reach(2)
        _revisions, stream = await weighed(engine.target, 1, 2)

        assert stream.fragments >= 2
        for recorder in (live, replayed):
            (batch,) = recorder.batches
            assert [change.key for change in batch.changes] == [b"/k/%d" % n for n in range(50)]
