"""A long range while others ask, write, compact, cancel, leave, or do not read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

import pytest

from serialization.api.etcd.rpc_pb2 import (
    Compare,
    RangeRequest,
    RangeResponse,
    RequestOp,
    TxnRequest,
    TxnResponse,
)
from storage.engine import reads
from storage.engine.store import EngineStore
from storage.http2 import frames
from storage.http2.frames import Code
from storage.registry import STORES, StoreOptions
from storage.serve.etcd3 import range_encoding, ranges
from storage.serve.etcd3.kv import KV, SERVICE, service
from storage.serve.etcd3.methods import Router
from storage.serve.etcd3.serving import Serving
from storage.serve.http2 import unsent
from storage.serve.http2.messages import PREFIX_BYTES
from storage.serve.http2.methods import Method
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.serve.http2.client import Client, window

KEYS: Final = 2000
VALUE: Final = bytes(1000)
WHOLE: Final = RangeRequest(key=b"/", range_end=b"0")
ONE: Final = RangeRequest(key=b"/0000")
RANGE: Final = f"/{SERVICE}/Range"
SLICE_COST: Final = 500_000
"""So that there are some thirty slices to make and thirty to send."""
SLICE_BYTES: Final = 1 << 16
GREAT: Final = {frames.INITIAL_WINDOW_SIZE: frames.WINDOW_MAX}


class Methods(dict[str, Method]):
    """Those of the service, found as a server does."""

    def __init__(self, serving: Serving) -> None:
        super().__init__()
        self._router = Router({SERVICE: service(serving)})

    def __missing__(self, path: str) -> Method:
        return self._router.find(path)


class Desk:
    """A served store, and a client by hand that has all the windows there can be."""

    def __init__(self, store: EngineStore) -> None:
        self.store = store
        self.serving = Serving(store, VirtualClock())
        self.client = self.connect()

    def connect(self, settings: dict[int, int] | None = None) -> Client:
        """Return a client of one more connection."""
        client = Client(Methods(self.serving))
        client.host.turns = self.serving.turns
        client.connection.turns = self.serving.turns
        client.greet(GREAT if settings is None else settings)
        client.feed(window(0, frames.WINDOW_MAX - frames.WINDOW_BYTES))
        return client

    @property
    def pinned(self) -> bool:
        """Whether anything is being read that a compaction must leave."""
        return self.store._reader._pins.lowest(-1) >= 0


def within(story: Callable[[Desk], Awaitable[None]]) -> None:
    """Play a story over a store of many keys."""

    async def run() -> None:
        async with cast("EngineStore", STORES["memory"].make(StoreOptions())) as store:
            await asyncio.gather(*[store.create(b"/%04d" % at, VALUE) for at in range(KEYS)])
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(reads, "SCAN_PAGE", 100)
                patch.setattr(ranges, "SLICE_COST", SLICE_COST)
                patch.setattr(range_encoding, "PIECE_BYTES", SLICE_BYTES)
                patch.setattr(unsent, "SLICE_BYTES", SLICE_BYTES)
                desk = Desk(store)
                await story(desk)
                assert not desk.pinned
                desk.client.connection.abort()
                desk.client.connection.connection_lost(None)

    run_virtual(run())


def ask(client: Client, request: RangeRequest = WHOLE) -> int:
    return client.call(RANGE, request.SerializeToString())


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until(done: Callable[[], bool], *, most: int = 1000) -> int:
    """Let the loop turn until something is so; return how often it did."""
    for count in range(most):
        if done():
            return count
        await asyncio.sleep(0)
    raise AssertionError(f"not in {most} turns")


def answers(client: Client) -> dict[int, RangeResponse]:
    """Return what has been answered as a whole since this was last asked, by stream."""
    got = client.frames()
    ended = [frame.stream_id for frame in got if frame.flags & frames.END_STREAM]
    return {
        stream: RangeResponse.FromString(
            b"".join(
                each.payload for each in got if (each.kind, each.stream_id) == (frames.DATA, stream)
            )[PREFIX_BYTES:]
        )
        for stream in ended
    }


def idle(client: Client) -> Callable[[], bool]:
    return lambda: not client.connection.calls


@pytest.mark.parametrize("together", [True, False])
def test_a_get_is_answered_while_a_long_range_is_made_and_sent(together: bool) -> None:
    async def story(desk: Desk) -> None:
        other = desk.client if together else desk.connect()
        long = ask(desk.client)
        waits = []
        while desk.client.connection.calls:
            get = ask(other, ONE)
            waits.append(await until(lambda: get not in other.connection.calls))  # noqa: B023  # at once
        found = answers(desk.client)

        assert max(waits) <= 3
        assert len(waits) > 20
        assert len(found[long].kvs) == KEYS

    within(story)


def test_long_ranges_take_turns_and_each_turn_is_one_slice() -> None:
    async def story(desk: Desk) -> None:
        clients = [desk.client, desk.connect(), desk.connect()]
        ask(clients[0])
        alone = await until(idle(clients[0]))
        first = answers(clients[0]).popitem()[1]
        for client in clients:
            ask(client)
        great = 0
        for _ in range(10 * alone):
            before = sum(len(each.transport.written) for each in clients)
            await asyncio.sleep(0)
            now = sum(len(each.transport.written) for each in clients)
            great = max(great, now - before)
            if all(idle(each)() for each in clients):
                break

        assert [answers(client).popitem()[1].kvs == first.kvs for client in clients] == [True] * 3
        assert great < 2 * (SLICE_BYTES + frames.FRAME_BYTES)  # one that begins, and one turn

    within(story)


@pytest.mark.parametrize("turn", [1, 5, 20, 60])
def test_a_range_that_is_cancelled_reads_and_sends_no_more(turn: int) -> None:
    async def story(desk: Desk) -> None:
        stream = ask(desk.client)
        await turns(turn)
        assert desk.client.connection.calls
        desk.client.feed(frames.reset(stream, Code.CANCEL))
        desk.client.frames()
        await turns(5)

        assert not desk.pinned
        assert desk.client.frames() == []
        assert desk.client.connection.calls == {}
        again = ask(desk.client, ONE)
        await turns(5)
        assert again in answers(desk.client)

    within(story)


@pytest.mark.parametrize("turn", [1, 5, 20, 60])
def test_a_range_whose_connection_is_lost_reads_and_sends_no_more(turn: int) -> None:
    async def story(desk: Desk) -> None:
        other = desk.connect()
        ask(other)
        await turns(turn)
        other.connection.connection_lost(None)
        other.transport.written.clear()
        await turns(5)

        assert not desk.pinned
        assert other.transport.written == b""
        stream = ask(desk.client)
        await until(idle(desk.client))
        assert len(answers(desk.client)[stream].kvs) == KEYS

    within(story)


@pytest.mark.parametrize("turn", [1, 5, 20])
def test_a_range_tells_one_revision_whatever_is_written_and_compacted_meanwhile(turn: int) -> None:
    async def story(desk: Desk) -> None:
        store, before = desk.store, desk.store.current_revision()
        stream = ask(desk.client)
        await turns(turn)
        assert desk.pinned
        for at in range(KEYS):
            if at % 3:
                store.update(b"/%04d" % at, b"new", expected=at + 2)
            else:
                store.delete(b"/%04d" % at)
        await store.create(b"/more", b"new")
        await store.compact(store.current_revision())
        await until(idle(desk.client))

        answer = answers(desk.client)[stream]
        assert answer.header.revision == before
        assert answer.count == KEYS
        assert [each.key for each in answer.kvs] == [b"/%04d" % at for at in range(KEYS)]
        assert {each.value for each in answer.kvs} == {VALUE}
        await store.removed(store.current_revision())

    within(story)


def both() -> TxnRequest:
    """Return a transaction that reads everything twice."""
    return TxnRequest(success=[RequestOp(request_range=WHOLE), RequestOp(request_range=WHOLE)])


def test_a_transaction_that_reads_much_leaves_others_their_turns_and_tells_one_revision() -> None:
    async def story(desk: Desk) -> None:
        other, before = desk.connect(), desk.store.current_revision()
        pending = desk.store.update(b"/0000", b"pending", expected=2)
        request = both()
        request.compare.add(key=b"/0000", target=Compare.MOD, mod_revision=before + 1)
        desk.client.call(f"/{SERVICE}/Txn", request.SerializeToString())
        waits = []
        while desk.client.connection.calls:
            get = ask(other, ONE)
            waits.append(await until(lambda: get not in other.connection.calls))  # noqa: B023  # at once
            await desk.store.create(b"/more/%d" % len(waits), b"new")
        await pending
        got = [each.payload for each in desk.client.frames() if each.kind == frames.DATA]
        answer = TxnResponse.FromString(b"".join(got)[PREFIX_BYTES:])

        assert max(waits) <= 3
        assert len(waits) > 20
        ranges = [each.response_range for each in answer.responses]
        assert [(each.count, each.header.revision) for each in ranges] == [(KEYS, before + 1)] * 2
        assert answer.header.revision == before + 1
        assert ranges[0].kvs == ranges[1].kvs
        assert answer.succeeded  # judged on a write that was not durable yet
        assert ranges[0].kvs[0].value == b"pending"

    within(story)


def test_a_transaction_whose_revision_is_compacted_meanwhile_is_carried_out_in_one_step() -> None:
    async def story(desk: Desk) -> None:
        await desk.store.create(b"/9", b"")
        desk.client.call(f"/{SERVICE}/Txn", both().SerializeToString())
        await turns(3)
        for _ in range(2):
            await desk.store.create(b"/%d" % desk.store.current_revision(), b"")
        await desk.store.compact(desk.store.current_revision())
        last = desk.store.current_revision()
        await until(idle(desk.client))
        got = [each.payload for each in desk.client.frames() if each.kind == frames.DATA]
        answer = TxnResponse.FromString(b"".join(got)[PREFIX_BYTES:])

        assert answer.header.revision == last
        assert [each.response_range.count for each in answer.responses] == [KEYS + 3] * 2

    within(story)


def test_whoever_does_not_read_is_sent_a_slice_more_than_the_transport_takes() -> None:
    async def story(desk: Desk) -> None:
        client, written = desk.client, desk.client.transport.written
        ask(client)
        await until(lambda: len(written) > SLICE_BYTES)
        client.connection.pause_writing()
        sent = len(written)
        await turns(50)
        assert len(written) == sent
        assert not desk.pinned  # all has been read: a compaction does not wait for the client

        get = ask(client, ONE)
        await turns(5)
        assert get not in client.connection.calls  # short answers do not stand behind the long one
        client.connection.resume_writing()
        await until(idle(client))
        assert sum(len(each.kvs) for each in answers(client).values()) == KEYS + 1

    within(story)


def test_a_long_answer_waits_for_the_windows() -> None:
    async def story(desk: Desk) -> None:
        client = desk.connect({})
        stream = ask(client)
        await turns(200)
        got = client.frames()
        body = b"".join(each.payload for each in got if each.kind == frames.DATA)
        assert len(body) == frames.WINDOW_BYTES
        while client.connection.calls:
            client.feed(window(stream, 100_000))
            await turns(3)
            got = client.frames()
            more = [each.payload for each in got if each.kind == frames.DATA]
            assert sum(map(len, more)) <= 100_000
            body += b"".join(more)

        assert len(RangeResponse.FromString(body[PREFIX_BYTES:]).kvs) == KEYS

    within(story)


def test_what_is_held_of_an_answer_is_its_bytes_once_and_is_let_go_as_it_is_sent() -> None:
    async def story(desk: Desk) -> None:
        answer = await KV(desk.serving).range(WHOLE)
        assert isinstance(answer, list)
        whole = sum(map(len, answer))
        client = desk.connect({})
        stream = ask(client)
        await turns(200)
        out = client.connection.calls[stream]._out
        assert out is not None
        held = [len(each) for each in out._payloads]
        assert sum(held) == whole + PREFIX_BYTES - frames.WINDOW_BYTES
        client.feed(window(stream, whole // 2))
        await until(lambda: len(out) < len(held) * 0.6)
        client.feed(frames.reset(stream, Code.CANCEL))

    within(story)
