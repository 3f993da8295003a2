"""Long listings: the same bytes in pieces, others served between them, bounded memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.etcd2.engine import Etcd2Engine
from storage.etcd2.model import Event, Method, Node, Request
from storage.etcd2.opening import etcd2_engine
from storage.serve.etcd2.accounts import Accounts
from storage.serve.etcd2.answers import event_json, listing_json
from storage.serve.etcd2.auth import Auth
from storage.serve.etcd2.heads import WHOLE_BYTES_MAX, Heads
from storage.serve.etcd2.keys import Keys
from storage.serve.etcd2.listings import TURN_COST, Rendering
from storage.serve.etcd2.pages import Pages
from storage.serve.etcd2.router import Router
from storage.serve.etcd2.serving import Serving
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.serve2.clients import Client
from tests.storage.serve2.served import Served, served
from tests.storage.serve2.wire import Reply, Wire, request

VALUE: Final = "v" * 1100
COUNT: Final = 3000
"""Of keys; they take some ten turns."""
LIST: Final = request("GET", "/v2/keys/many?recursive=true&sorted=true")
LEAF: Final = Node("/1/leaf", "v", False, 4, 5)
LEAVES: Final = (
    LEAF,
    LEAF._replace(value=""),
    LEAF._replace(key="/1/<&>", value="<\u2028\b"),
    LEAF._replace(value=None),
    LEAF._replace(expires_ns=1_500_000_000_120_000_000, ttl_s=7),
    LEAF._replace(created=0, modified=0),
)
Shape = int | list["Shape"]
"""A leaf by its number, or what stands in a directory."""
SHAPES: Final[st.SearchStrategy[Shape]] = st.recursive(
    st.integers(0, len(LEAVES) - 1), lambda shapes: st.lists(shapes, max_size=4), max_leaves=12
)


def node_of(shape: Shape) -> Node:
    """Return the node that a shape stands for."""
    if isinstance(shape, int):
        return LEAVES[shape]
    index = len(shape)  # the empty one has none
    ends = 1_500_000_000 * 10**9 * (index == 2)
    nodes = tuple(map(node_of, shape))
    return Node("/1/d" if index else "/1", None, True, index, index, ends, index, nodes)


@given(st.lists(SHAPES, min_size=1, max_size=5))
def test_a_listing_rendered_in_parts_is_the_one_rendered_at_once(shape: list[Shape]) -> None:
    event = Event("get", node_of(shape), None, 9)

    assert b"".join(listing_json(event)) == event_json(event)


@pytest.mark.parametrize("value", ["", VALUE, "v" * TURN_COST])
def test_a_listings_pieces_are_bounded_and_all_but_the_last_are_long(value: str) -> None:
    count = 4 * TURN_COST // (len(value) + 2200)
    nodes = tuple(Node(f"/1/{n}", value, False, n, n) for n in range(count))
    event = Event("get", Node("/1", None, dir=True, created=0, modified=0, nodes=nodes), None, 9)
    rendering, pieces = Rendering(event), []
    while not rendering.ended:
        pieces.append(rendering.piece())

    assert b"".join(pieces) == event_json(event)
    assert len(pieces) >= 4
    assert max(map(len, pieces)) < TURN_COST + len(value) + 2200
    assert min(map(len, pieces[:-1])) > WHOLE_BYTES_MAX


@asynccontextmanager
async def application(value: str = VALUE) -> AsyncIterator[tuple[Router, Etcd2Engine]]:
    """Serve a store of many keys to connections that have no sockets."""
    clock = VirtualClock()
    async with etcd2_engine(None, clock=clock) as engine:
        await fill(engine, value)
        serving = Serving(engine, clock)
        heads = Heads(clock, 1, 2)
        auth = Auth(Accounts(engine), heads)
        yield Router(Keys(serving, heads, auth), Pages({}), heads, auth), engine


async def fill(engine: Etcd2Engine, value: str) -> None:
    """Put many keys, some of them hidden, in some directories."""
    puts = [
        Request(Method.PUT, f"/1/many/{'_' * (n % 10 == 9)}{n % 7}/{n}", value)
        for n in range(COUNT)
    ]
    await asyncio.gather(*map(engine.do, puts))


def body_of(answer: bytes) -> bytes:
    """Return the body of a whole answer in chunks, and nothing behind it."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        piece, rest = rest[:length], rest[length:]
        assert rest[:2] == b"\r\n"
        rest = rest[2:]
        body += piece
        if not piece:
            assert rest == b""
            return body


@pytest.mark.parametrize("quorum", ["", "&quorum=true"])
def test_others_are_answered_and_writes_are_done_between_the_pieces(quorum: str) -> None:
    async def main() -> None:
        async with application() as (router, engine):
            event = engine.get("/1/many", recursive=True, sort=True)
            lister, other = Client(router), Client(router)
            ask = LIST.replace(b"&sorted", quorum.encode() + b"&sorted")
            lister.send(ask)
            writes = [engine.do(Request(Method.DELETE, "/1/many/3", recursive=True))]
            turns = 0
            while not lister.waiting.endswith(b"\r\n0\r\n\r\n"):
                other.send(request("GET", "/v2/keys/many/0/7"))
                assert other.read().startswith(b"HTTP/1.1 200 OK")
                writes.append(engine.do(Request(Method.PUT, "/1/many/0/7", "changed")))
                writes.append(engine.do(Request(Method.PUT, f"/1/many/0/new{turns}")))
                turns += 1
                await asyncio.sleep(0)

            assert turns > 5
            assert sum(write.done() for write in writes) > 5
            await asyncio.gather(*writes)
            assert b"X-Etcd-Index: %d\r\n" % event.etcd_index in lister.waiting
            assert body_of(lister.read()) == event_json(event)

    run_virtual(main())


def test_many_listings_take_their_turns_one_by_one() -> None:
    async def main() -> None:
        async with application() as (router, _):
            listers = [Client(router) for _ in range(5)]
            for each in listers:
                each.send(LIST)
            told = [len(each.waiting) for each in listers]
            turns = 0
            while told != (now := [len(each.waiting) for each in listers]) or not turns:
                assert sum(a != b for a, b in zip(told, now, strict=True)) <= 1
                told, turns = now, turns + 1
                await asyncio.sleep(0)

            assert turns > 25
            assert len({body_of(each.read()) for each in listers}) == 1

    run_virtual(main())


def test_a_client_that_does_not_read_bounds_what_waits_for_it() -> None:
    async def main() -> None:
        async with application() as (router, engine):
            event = engine.get("/1/many", recursive=True, sort=True)
            slow = Client(router)
            slow.reads = False
            slow.send(LIST + request("GET", "/v2/keys/none"))
            answer = b""
            while not answer.endswith(b'"index":%d}\n' % engine.index):
                for _ in range(5):  # it waits, and is not written to
                    await asyncio.sleep(0)
                answer += slow.read()

            assert slow.most < Client.BUFFER_MAX + TURN_COST // 2
            listing, _, refusal = answer.partition(b"\r\n0\r\n\r\n")
            assert body_of(listing + b"\r\n0\r\n\r\n") == event_json(event)
            assert refusal.startswith(b"HTTP/1.1 404")

    run_virtual(main())


def test_a_client_that_goes_away_in_the_middle_takes_no_more_turns() -> None:
    async def main() -> None:
        async with application() as (router, _):
            gone, stays = Client(router), Client(router)
            gone.send(LIST)
            stays.send(LIST)
            await asyncio.sleep(0)
            gone.abort()
            told = len(gone.waiting)
            for _ in range(40):
                await asyncio.sleep(0)

            assert len(gone.waiting) == told
            assert stays.waiting.endswith(b"\r\n0\r\n\r\n")
            assert list(router.connections) == [stays.connection]

    run_virtual(main())


def test_what_a_listing_is_sent_ahead_is_not_read_and_its_end_is_awaited() -> None:
    async def main() -> None:
        async with application() as (router, _):
            client = Client(router)
            client.send(LIST)
            assert client.heard()
            client.send(request("GET", "/v2/keys/none"))
            assert not client.heard()
            assert client.connection.eof_received()
            router.leave()
            assert not client.is_closing()
            for _ in range(40):
                await asyncio.sleep(0)

            assert client.is_closing()
            body_of(client.read())

    run_virtual(main())


@pytest.fixture(scope="module")
def ours() -> Iterator[Served]:
    with served() as here:
        assert isinstance(here.store, Etcd2Engine)
        engine = here.store
        here.on_loop(lambda: fill(engine, VALUE))
        yield here


def ask(ours: Served, data: bytes) -> tuple[Reply, bool]:
    """Return an answer, and whether the connection goes on."""
    wire = Wire(ours.endpoint)
    reply = wire.ask(data)
    goes_on = wire.ask(request("GET", "/v2/keys/none")).code == 404
    wire.close()
    return reply, goes_on


def test_every_kind_of_client_is_told_the_same_listing(ours: Served) -> None:
    new, new_goes_on = ask(ours, LIST)
    last, last_goes_on = ask(ours, LIST.replace(b"Host", b"Connection: close\r\nHost"))
    kept = LIST.replace(b"HTTP/1.1", b"HTTP/1.0").replace(
        b"Host", b"Connection: keep-alive\r\nHost"
    )
    old, old_goes_on = ask(ours, kept)
    head, head_goes_on = ask(ours, LIST.replace(b"GET", b"HEAD"))

    assert new.body == last.body == old.body
    assert len(json.loads(new.body)["node"]["nodes"]) == 7  # and none of the hidden
    assert (new_goes_on, last_goes_on, old_goes_on, head_goes_on) == (True, False, False, True)
    assert new.header(b"transfer-encoding") == b"chunked"
    assert last.header(b"connection") == b"close"
    assert old.status == b"HTTP/1.0 200 OK"
    assert old.header(b"transfer-encoding") == old.header(b"connection") == b""
    assert head.code == 200
    assert head.header(b"transfer-encoding") == head.header(b"content-length") == b""


def test_requests_behind_a_listing_are_answered_in_their_order(ours: Served) -> None:
    wire = Wire(ours.endpoint)
    leaf = request("GET", "/v2/keys/many/0/7")
    wire.send((LIST + leaf) * 5)

    lengths = [len(wire.reply().body) for _ in range(10)]

    assert lengths[::2] == [lengths[0]] * 5
    assert lengths[0] > COUNT // 2 * len(VALUE)
    assert set(lengths[1::2]) == {lengths[1]}
    wire.close()
