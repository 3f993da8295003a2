"""A long range while others ask, write, compact, cancel, leave, or do not read."""

from __future__ import annotations

import asyncio

import pytest

from serialization.api.etcd.rpc_pb2 import RangeResponse
from storage.http2 import frames
from storage.http2.frames import Code
from storage.serve.etcd3.kv import KV
from storage.serve.http2.messages import PREFIX_BYTES
from tests.storage.serve.desk import (
    KEYS,
    ONE,
    SLICE_BYTES,
    VALUE,
    WHOLE,
    Desk,
    answers,
    ask,
    idle,
    turns,
    until,
    within,
)
from tests.storage.serve.http2.client import window


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


def test_after_a_pause_the_peer_is_heard_before_more_is_sent() -> None:
    async def story(desk: Desk) -> None:
        client, written = desk.client, desk.client.transport.written
        ask(client)
        await until(lambda: len(written) > SLICE_BYTES)
        client.connection.pause_writing()
        await turns(5)
        client.frames()
        client.connection.resume_writing()
        await asyncio.sleep(0)
        assert not written  # in this turn the loop looks at the socket
        get = ask(client, ONE)
        await until(lambda: get not in client.connection.calls, most=4)

        assert 0 < len(written) < 2 * SLICE_BYTES
        await until(idle(client))

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
