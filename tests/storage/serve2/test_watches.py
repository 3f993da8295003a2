"""Long polls and streams: when they are told what, and when they end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.storage.serve2.served import Served, served
from tests.storage.serve2.wire import Wire, gather, request

QUIET_S = 0.05


@pytest.fixture
def ours() -> Iterator[Served]:
    with served() as here:
        yield here


@pytest.fixture
def writer(ours: Served) -> Iterator[Wire]:
    wire = Wire(ours.endpoint)
    yield wire
    wire.close()


def put(writer: Wire, key: str, value: str = "v") -> int:
    """Write; return the index."""
    reply = writer.ask(request("PUT", f"/v2/keys{key}", f"value={value}".encode()))
    return int(reply.header(b"x-etcd-index"))


def watch(ours: Served, target: str) -> Wire:
    """Begin a watch; its head is there."""
    wire = Wire(ours.endpoint)
    wire.send(request("GET", f"/v2/keys{target}"))
    wire.await_head()
    return wire


def test_a_long_poll_tells_its_head_at_once_and_one_event(ours: Served, writer: Wire) -> None:
    poll = watch(ours, "/a?wait=true")
    status, headers = poll.head()
    index = put(writer, "/a")
    put(writer, "/a", "w")

    told = json.loads(poll.chunk())

    assert status == b"HTTP/1.1 200 OK"
    assert (b"X-Etcd-Index", b"%d" % (index - 1)) in headers
    assert (b"Transfer-Encoding", b"chunked") in headers
    assert (told["action"], told["node"]["key"]) == ("set", "/a")
    assert told["node"]["modifiedIndex"] == index
    assert poll.chunk() == b""
    assert poll.ask(request("GET", "/v2/keys/a")).code == 200  # the connection goes on
    poll.close()


def test_what_a_poll_is_sent_ahead_waits_its_turn(ours: Served, writer: Wire) -> None:
    poll = watch(ours, "/a?wait=true")
    poll.send(request("GET", "/v2/keys/none") + request("GET", "/version"))
    put(writer, "/a")

    assert b'"value":"v"' in poll.reply().body
    assert poll.reply().code == 404
    assert b"etcdserver" in poll.reply().body
    poll.close()


def test_a_stream_goes_on_event_by_event(ours: Served, writer: Wire) -> None:
    stream = watch(ours, "/?wait=true&stream=true&recursive=true")
    stream.head()
    indexes = [put(writer, f"/a/{n}") for n in range(300)]

    told = [json.loads(stream.chunk())["node"]["modifiedIndex"] for _ in range(300)]

    assert told == indexes
    stream.close()


def test_a_stream_from_the_history_tells_one_event_and_then_is_silent(
    ours: Served, writer: Wire
) -> None:
    first = put(writer, "/a")
    put(writer, "/a")
    stream = watch(ours, f"/a?wait=true&stream=true&waitIndex={first}")
    stream.head()
    assert json.loads(stream.chunk())["node"]["modifiedIndex"] == first

    put(writer, "/a")
    gather([stream], QUIET_S)

    assert stream.buffer == b""
    assert not stream.ended
    stream.close()


def test_an_index_that_has_left_the_history_is_refused(ours: Served, writer: Wire) -> None:
    last = [put(writer, "/a") for _ in range(1005)][-1]

    reply = writer.ask(request("GET", "/v2/keys/a?wait=true&waitIndex=5"))

    assert reply.code == 400
    told = json.loads(reply.body)
    assert told["errorCode"] == 401
    assert told["index"] == last
    assert "event in requested index is outdated and cleared" in told["message"]


def test_a_client_that_goes_away_is_forgotten(ours: Served, writer: Wire) -> None:
    watches = [watch(ours, "/a?wait=true&stream=true") for _ in range(20)]
    watches += [watch(ours, "/a?wait=true") for _ in range(20)]
    assert ours.watchers() == 40

    for each in watches[::2]:
        each.close()
    _until(ours, 20)
    put(writer, "/a")
    _until(ours, 10)  # the polls have been told

    for each in watches[1::2]:
        each.close()
    _until(ours, 0)


def _until(ours: Served, count: int) -> None:
    for _ in range(10_000):
        if ours.watchers() == count:
            return
    raise AssertionError(f"{ours.watchers()} watches, not {count}")


@pytest.mark.slow
def test_a_stream_whose_client_does_not_read_is_ended_after_a_hundred_events(
    ours: Served, writer: Wire
) -> None:
    stream = watch(ours, "/a?wait=true&stream=true")
    value = "v" * 200_000
    for _ in range(400):
        put(writer, "/a", value)
        if not ours.counted("watchers"):
            break

    assert ours.counted("watchers") == 0
    stream.head()
    pieces = []
    while piece := stream.chunk():
        pieces.append(json.loads(piece)["node"]["modifiedIndex"])
    assert not stream.ended  # it was ended in order: the connection is still there
    assert pieces == list(range(pieces[0], pieces[0] + len(pieces)))
    assert len(pieces) > 100
    assert stream.ask(request("GET", "/v2/keys/none")).code == 404
    stream.close()


def test_a_watch_that_is_a_connections_last_request_ends_it(ours: Served, writer: Wire) -> None:
    poll = Wire(ours.endpoint)
    poll.send(request("GET", "/v2/keys/a?wait=true", None, "Connection: close"))
    poll.await_head()
    put(writer, "/a")

    reply = poll.reply()

    assert reply.header(b"connection") == b"close"
    assert json.loads(reply.body)["action"] == "set"
    assert poll.reply().code == 0
    poll.close()


def test_an_old_client_reads_a_watch_until_the_end_of_its_connection(
    ours: Served, writer: Wire
) -> None:
    poll = Wire(ours.endpoint)
    poll.send(b"GET /v2/keys/a?wait=true HTTP/1.0\r\n\r\n")
    poll.await_head()
    put(writer, "/a")

    reply = poll.reply()

    assert reply.status == b"HTTP/1.0 200 OK"
    assert reply.header(b"transfer-encoding") == b""
    assert json.loads(reply.body)["action"] == "set"
    poll.close()
