"""Connections: what a client may do to one, decently or not, and what it is answered."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.storage.serve2.served import Served, served
from tests.storage.serve2.wire import PATIENCE_S, Wire, gather, request

GET = request("GET", "/v2/keys/a")
QUIET_S = 0.05


@pytest.fixture(scope="module")
def ours() -> Iterator[Served]:
    with served() as here:
        wire = Wire(here.endpoint)
        assert wire.ask(request("PUT", "/v2/keys/a", b"value=1")).code == 201
        wire.close()
        yield here


@pytest.fixture
def wire(ours: Served) -> Iterator[Wire]:
    made = Wire(ours.endpoint)
    yield made
    made.close()


def test_requests_in_a_row_are_answered_in_their_order(wire: Wire) -> None:
    count = 200
    puts = [request("PUT", f"/v2/keys/row/{n}", f"value={n}".encode()) for n in range(count)]

    wire.send(b"".join(each for put in puts for each in (put, GET)))

    bodies = [wire.reply().body for _ in range(2 * count)]
    assert [b'"value":"%d"' % n in body for n, body in enumerate(bodies[::2])] == [True] * count
    assert len(set(bodies[1::2])) == 1


def test_thousands_sent_behind_a_write_are_answered_in_their_order(wire: Wire) -> None:
    count = 5000
    wire.send(request("PUT", "/v2/keys/line", b"value=1") + request("GET", "/v2/keys/line") * count)

    replies = [wire.reply() for _ in range(count + 1)]

    assert replies[0].code == 201
    assert {reply.body for reply in replies[1:]} == {replies[1].body}


@pytest.mark.slow
def test_who_asks_for_much_and_reads_nothing_is_not_served_ahead(ours: Served, wire: Wire) -> None:
    count, value = 300, b"v" * (1 << 20)
    wire.ask(request("PUT", "/v2/keys/much", b"value=" + value))
    before = ours.listener.requests.get("GET", 0)

    wire.send(request("GET", "/v2/keys/much") * count)
    other = Wire(ours.endpoint)
    for _ in range(10):
        assert other.ask(GET).code == 200  # the server has had time to serve more
    other.close()

    assert ours.listener.requests["GET"] - before - 10 < count // 4
    assert all(value in wire.reply().body for _ in range(count))


def test_a_request_byte_by_byte_is_a_request(wire: Wire) -> None:
    for byte in request("PUT", "/v2/keys/slow?prevExist=false", b"value=x%20y&ttl="):
        wire.send(bytes((byte,)))

    assert b'"value":"x y"' in wire.reply().body


def test_a_write_that_offers_another_protocol_keeps_its_body(wire: Wire) -> None:
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")

    put = wire.ask(request("PUT", "/v2/keys/offer", b"value=kept", *offer) + GET)

    assert b'"value":"kept"' in put.body
    assert b'"value":"1"' in wire.reply().body


def test_what_comes_behind_a_body_is_ignored_and_bounded(wire: Wire) -> None:
    head = request("PUT", "/v2/keys/c", None, "Transfer-Encoding: chunked", f"Content-Type: {FORM}")
    ended = wire.ask(head + b"7\r\nvalue=1\r\n0\r\nX-Behind: 1\r\n\r\n")
    assert ended.code in (200, 201)

    endless = wire.ask(head + b"7\r\nvalue=1\r\n0\r\nX-Behind: " + b"x" * (4 << 20))

    assert endless.code in (400, 0)
    assert wire.reply().code == 0


def test_a_body_in_chunks_is_a_form(wire: Wire) -> None:
    head = request("PUT", "/v2/keys/c", None, "Transfer-Encoding: chunked", f"Content-Type: {FORM}")

    reply = wire.ask(head + b"6\r\nvalue=\r\n3\r\nabc\r\n0\r\n\r\n")

    assert b'"value":"abc"' in reply.body


FORM = "application/x-www-form-urlencoded"


def test_a_client_that_waits_to_be_told_to_go_on_is_told(wire: Wire) -> None:
    put = request("PUT", "/v2/keys/e", b"value=1", "Expect: 100-continue")
    head, _, body = put.partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")

    assert wire.head()[0] == b"HTTP/1.1 100 Continue"
    assert wire.ask(body).code == 201


def test_the_last_request_of_a_connection_ends_it(wire: Wire) -> None:
    reply = wire.ask(request("GET", "/v2/keys/a", None, "Connection: close"))

    assert reply.header(b"connection") == b"close"
    assert wire.reply().code == 0


@pytest.mark.parametrize(
    ("ask", "begins", "stays"),
    [
        (b"GET /v2/keys/a HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK", False),
        (b"GET /v2/keys/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"HTTP/1.0 200 OK", True),
        (GET, b"HTTP/1.1 200 OK", True),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK", True),
        (b"GET http://x/v2/keys/a HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK", True),
        (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 Bad Request", False),
        (b"GET /v2/keys/a HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request: missing required", False),
        (b"GET /v2/keys/%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 Bad Request", False),
        (b"FOO /v2/keys/a HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 405 Method", True),
        (b"F(O /v2/keys/a HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 Bad Request", False),
        (b"FOO /v2/nothing HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 404 Not Found", True),
        (b"GET /v2/keys/a HTTP/1.1\r\nHost x\r\n\r\n", b"HTTP/1.1 400 Bad Request", False),
        (b"GET /v2/keys/a HTTP/1.1\r\nHost:\r\n\r\n", b"HTTP/1.1 200 OK", True),
        (b"GET /v2/keys/a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", b"HTTP/1.1 400", False),
        (b"GET /v2/keys/a HTTP/2.0\r\nHost: x\r\n\r\n", b" 0 ", False),
        (b"GET /v2/keys/a HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n", b"HTTP/1.1 417", False),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b" 0 ", False),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b" 0 ", False),
        (
            b"GET /v2/keys/a HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            b"HTTP/1.1 200 OK",
            True,
        ),
    ],
)
def test_an_odd_request_is_answered_and_ends_what_it_must(
    wire: Wire, ask: bytes, begins: bytes, stays: bool
) -> None:
    reply = wire.ask(ask)

    assert reply.status.startswith(begins)
    assert (wire.ask(GET).code == 200) is stays


def test_what_is_not_ascii_in_a_path_is_taken_as_it_is(wire: Wire) -> None:
    wire.ask(request("PUT", "/v2/keys/ä".encode(), b"value=1"))

    assert '"key":"/ä"'.encode() in wire.ask(request("GET", "/v2/keys/%C3%A4")).body


def test_a_head_without_end_is_refused(wire: Wire) -> None:
    reply = wire.ask(b"GET /v2/keys/a HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (2 << 20))

    assert reply.code in (431, 0)  # 0: the answer was lost with what had not been read
    assert wire.ended


def test_a_body_that_is_too_large_is_refused_and_not_kept(ours: Served, wire: Wire) -> None:
    reply = wire.ask(request("PUT", "/v2/keys/big", b"value=" + b"x" * (11 << 20)))

    assert reply.code == 400
    assert b'"errorCode":210,"message":"Invalid POST form"' in reply.body
    assert b"http: POST too large" in reply.body
    again = Wire(ours.endpoint)
    assert again.ask(request("GET", "/v2/keys/big")).code == 404
    again.close()


def test_a_client_that_has_sent_all_is_still_answered(wire: Wire) -> None:
    wire.send(request("PUT", "/v2/keys/half", b"value=1"))
    wire.socket.shutdown(1)

    assert wire.reply().code == 201
    assert wire.reply().code == 0


@pytest.mark.parametrize("key", ["/d" * 257, "/x" * 200_000, "/" + "x" * 33_000])
def test_a_path_that_would_take_all_memory_is_refused(wire: Wire, key: str) -> None:
    put = wire.ask(request("PUT", f"/v2/keys{key}", b"value=1"))

    assert put.code == 400
    assert b'"errorCode":209' in put.body
    assert wire.ask(request("GET", f"/v2/keys{key}")).code == 404


def test_the_deepest_tree_can_be_listed_and_removed(wire: Wire) -> None:
    assert wire.ask(request("PUT", "/v2/keys" + "/d" * 256, b"value=deep")).code == 201

    listing = wire.ask(request("GET", "/v2/keys/d?recursive=true&sorted=true"))

    assert b'"value":"deep"' in listing.body
    assert wire.ask(request("DELETE", "/v2/keys/d?recursive=true")).code == 200


def test_a_form_of_nothing_but_options_is_refused(wire: Wire) -> None:
    put = wire.ask(request("PUT", "/v2/keys/options", b"&" * (9 << 20)))

    assert put.code == 400
    assert b"too many options" in put.body


def test_random_bytes_end_their_connection_only(ours: Served) -> None:
    chance = random.Random(7)
    for _ in range(200):
        wire = Wire(ours.endpoint)
        noise = chance.randbytes(chance.randrange(1, 400))
        kept = request("PUT", "/v2/keys/n", b"value=1")
        broken = bytearray(kept)
        broken[chance.randrange(len(kept))] = chance.randrange(256)
        wire.send(chance.choice((noise, bytes(broken), noise + kept, kept[:20] + noise)))
        wire.close()

    healthy = Wire(ours.endpoint)
    assert healthy.ask(GET).code == 200
    healthy.close()


def test_who_comes_when_there_are_too_many_is_let_go() -> None:
    with served(connections_max=3) as few:
        kept = [Wire(few.endpoint) for _ in range(3)]
        assert [each.ask(GET).code for each in kept] == [404, 404, 404]
        late = Wire(few.endpoint)

        assert late.ask(GET).code == 0

        kept[0].close()
        gather([late], QUIET_S)
        again = _until_served(few.endpoint)
        for each in (*kept, late, again):
            each.close()


def test_who_is_silent_for_too_long_is_let_go_but_not_who_watches() -> None:
    with served(idle_s_max=0.2) as here:
        idle, half, watch = (Wire(here.endpoint) for _ in range(3))
        assert idle.ask(GET).code == 404
        half.send(GET[:20])
        watch.send(request("GET", "/v2/keys/a?wait=true"))
        watch.await_head()

        assert idle.reply().code == 0
        assert half.reply().code == 0
        writer = Wire(here.endpoint)
        writer.ask(request("PUT", "/v2/keys/a", b"value=1"))
        assert b'"value":"1"' in watch.reply().body
        for each in (idle, half, watch, writer):
            each.close()


def _until_served(endpoint: str) -> Wire:
    while True:
        wire = Wire(endpoint)
        if wire.ask(GET).code:
            return wire
        wire.close()


def test_the_end_of_the_server_ends_idle_clients_and_watches() -> None:
    with served() as here:
        idle, watch = Wire(here.endpoint), Wire(here.endpoint)
        assert idle.ask(GET).code == 404
        watch.send(request("GET", "/v2/keys/a?wait=true&stream=true"))
        watch.await_head()

    assert idle.reply().code == 0
    gather([watch], PATIENCE_S)
    assert watch.ended
    idle.close()
    watch.close()
