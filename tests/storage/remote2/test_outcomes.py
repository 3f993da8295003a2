"""What every answer to a write means: done, certainly not done, or nobody knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Final

import pytest

from storage.clock import SystemClock
from storage.engine.committer import InlineCommitter
from storage.errors import (
    ReadOnlyError,
    StoreError,
    StoreUnavailableError,
    UnknownOutcomeError,
)
from storage.etcd2 import engine
from storage.etcd2.engine import EngineParts, Etcd2Engine
from storage.etcd2.errors import MESSAGES, Code
from storage.etcd2.journal.memory import MemoryJournal
from storage.remote.etcd2 import failures, link
from storage.remote.etcd2.feed import Feed
from storage.remote.etcd2.keys import KeySpace
from storage.remote.etcd2.link import Link
from storage.remote.etcd2.reads import Reader
from storage.remote.etcd2.store import RemoteStore
from storage.remote.etcd2.writes import Writer
from storage.remote.url import parse_url
from storage.serve.etcd2.answers import STATUS
from storage.serve.etcd2.server import listening
from storage.serve.etcd2.serving import Serving
from storage.serve.etcd3.server import Address
from tests.storage.engine.faulty_committer import Fault, FaultyCommitter

Outcome = type[StoreError]
Canned = tuple[int, bytes]
Write = Callable[[Writer], Coroutine[object, object, int]]

NOT_DONE: Final = StoreError
UNKNOWN: Final = UnknownOutcomeError
NO_SPACE: Final = "no space left on device"


def error(code: int, cause: str, status: int = 0) -> Canned:
    """Return a refusal as etcd writes it."""
    body = {"errorCode": code, "message": "m", "cause": cause, "index": 7}
    return status or STATUS.get(Code(code), 400), json.dumps(body).encode()


JUDGED_BY_STATE: Final = (Code.KEY_NOT_FOUND, Code.TEST_FAILED, Code.NOT_FILE, Code.NOT_DIR)
"""A write is tried again, or explained, by what the key is then."""
UNKNOWN_CODES: Final = (Code.RAFT_INTERNAL, Code.LEADER_ELECT)

ANSWERS: Final[list[tuple[Canned, Outcome]]] = [
    # Whatever etcd refuses by a number has not happened, but for what it says of its cluster.
    *[
        (error(code, "/a"), UNKNOWN if code in UNKNOWN_CODES else NOT_DONE)
        for code in Code
        if code not in (*JUDGED_BY_STATE, Code.NODE_EXIST)
    ],
    # Of a real etcd 3.4: no quorum, the leader lost, stopping; it may happen yet.
    (error(300, "etcdserver: request timed out"), UNKNOWN),
    (error(300, "etcdserver: request timed out, possibly due to previous leader failure"), UNKNOWN),
    (error(300, "etcdserver: request timed out, possibly due to connection lost"), UNKNOWN),
    (error(300, "etcdserver: request cancelled"), UNKNOWN),
    (error(300, "etcdserver: server stopped"), UNKNOWN),
    (error(300, "etcdserver: no leader"), UNKNOWN),
    # Ours.
    (error(300, f"the store is read-only: {NO_SPACE}"), ReadOnlyError),
    (error(300, f"somebody says: the store is read-only: {NO_SPACE}"), UNKNOWN),
    (error(300, "the store is closed"), StoreUnavailableError),
    # Forms and logins, as HTTP tells them.
    ((400, b"400 Bad Request"), NOT_DONE),
    ((401, b'{"message":"Insufficient credentials"}'), NOT_DONE),
    ((404, b"404 page not found\n"), NOT_DONE),
    ((405, b"Method Not Allowed\n"), NOT_DONE),
    ((413, b""), NOT_DONE),
    ((431, b""), NOT_DONE),
    ((307, b""), NOT_DONE),
    # A proxy of etcd's: it only reads; it knows no member; none of them has answered it.
    ((501, b""), NOT_DONE),
    (
        (503, b'{"message":"httpproxy: zero endpoints currently available"}'),
        StoreUnavailableError,
    ),
    ((502, b'{"message":"httpproxy: unable to get response from 3 endpoint(s)"}'), UNKNOWN),
    # Other proxies.
    ((500, b"oops"), UNKNOWN),
    ((502, b"<html>bad gateway</html>"), UNKNOWN),
    ((503, b"no server is available"), UNKNOWN),
    ((504, b""), UNKNOWN),
    # A success of somebody who speaks another language.
    ((202, b""), UNKNOWN),
    ((206, b"{}"), UNKNOWN),
]

WRITES: Final[dict[str, Write]] = {
    "create": lambda writer: writer.create(b"/a", b"v", 0),
    "update": lambda writer: writer.update(b"/a", b"v", 5, 60),
    "delete": lambda writer: writer.delete(b"/a", None),
}


class Server:
    """Answers writes with what is in ``canned``, the last one for ever; reads with ``found``."""

    def __init__(self, *canned: Canned) -> None:
        self.canned = list(canned)
        self.found = error(Code.KEY_NOT_FOUND, "/a")
        self.writes = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or b"0"))
                status, body = self.found
                if not head.startswith(b"GET"):
                    self.writes += 1
                    status, body = self.canned.pop(0) if self.canned[1:] else self.canned[0]
                told = f"HTTP/1.1 {status} S\r\nX-Etcd-Index: 9\r\nContent-Length: {len(body)}"
                writer.write(told.encode() + b"\r\n\r\n" + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def writing(server: Server) -> AsyncIterator[Writer]:
    """Let a writer write to a server."""
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    to = Link(parse_url(f"etcd2://127.0.0.1:{port}"))
    keys = KeySpace("")
    feed = Feed(to, keys)
    try:
        yield Writer(to, keys, feed, Reader(to, keys, feed))
    finally:
        feed.close(StoreError("over"))
        await to.close()
        listener.close()
        await listener.wait_closed()


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(("canned", "outcome"), ANSWERS, ids=[str(a[0]) for a in ANSWERS])
def test_answer_that_is_no_success_means(
    canned: Canned, outcome: Outcome, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    if outcome is StoreUnavailableError:  # it is tried again
        monkeypatch.setattr(link, "CALL_S", 0.3)

    async def story() -> None:
        server = Server(canned)
        async with writing(server) as writer:
            with pytest.raises(StoreError) as caught:
                await write(writer)
            assert type(caught.value) is outcome
            assert "\n" not in str(caught.value)
            assert (server.writes > 1) == (outcome is StoreUnavailableError)

    asyncio.run(story())


def test_every_number_is_told_of() -> None:
    told = {json.loads(body)["errorCode"] for (_, body), _ in ANSWERS if b'"errorCode"' in body}
    assert told | {*JUDGED_BY_STATE, Code.NODE_EXIST} == set(MESSAGES) == set(Code)


@pytest.mark.parametrize(
    "first",
    [
        error(300, "the store is closed"),
        (503, b'{"message":"httpproxy: zero endpoints currently available"}'),
    ],
)
def test_write_that_nobody_has_taken_is_tried_again(first: Canned) -> None:
    async def story() -> None:
        async with writing(Server(first, first, (201, b"{}"))) as writer:
            assert await writer.create(b"/a", b"v", 0) == 9

    asyncio.run(story())


@pytest.mark.parametrize(
    "second",
    [
        error(300, f"the store is read-only: {NO_SPACE}"),
        error(110, "Insufficient credentials"),
        error(300, "etcdserver: request timed out"),
        (501, b""),
    ],
)
def test_write_of_which_half_is_done_is_no_refusal(second: Canned) -> None:
    async def story() -> None:
        server = Server((200, b"{}"), second)
        server.found = 200, b'{"node":{"key":"/a","value":"","modifiedIndex":5,"createdIndex":5}}'
        async with writing(server) as writer:
            with pytest.raises(UnknownOutcomeError):
                await writer.retire(b"/a", 5, b"last")
            assert server.writes == 2

    asyncio.run(story())


def test_words_are_those_of_who_says_them() -> None:
    assert failures.CLOSED == engine.CLOSED
    assert str(ReadOnlyError(NO_SPACE)) == failures.READ_ONLY + NO_SPACE


@asynccontextmanager
async def served(committer: FaultyCommitter) -> AsyncIterator[str]:
    """Serve an engine over a committer; yield where."""
    clock = SystemClock()
    parts = EngineParts(MemoryJournal(), committer, clock)
    async with Etcd2Engine(parts) as store, listening(Address("127.0.0.1:0")) as listener:
        await listener.serve(Serving(store, clock))
        yield f"etcd2://{listener.target}"


async def until_written(store: RemoteStore, expected: int) -> int:
    """Update the key until the store has become one that can be written."""
    while True:
        try:
            return await store.update(b"/a", b"two", expected=expected)
        except ReadOnlyError:
            await asyncio.sleep(0.02)


@pytest.mark.slow
def test_served_etcd_that_is_read_only_refuses_writes_and_can_be_read() -> None:
    async def story() -> None:
        committer = FaultyCommitter(InlineCommitter(SystemClock()))
        async with served(committer) as url, RemoteStore(parse_url(url)) as store:
            made = await store.create(b"/a", b"one")
            committer.faults.extend([Fault.BEFORE] * 1000)  # probes use some up

            refused: list[Callable[[], Awaitable[int]]] = [
                lambda: store.create(b"/b", b"one"),
                lambda: store.update(b"/a", b"two", expected=made),
                lambda: store.delete(b"/a"),
                lambda: store.delete(b"/a", last=b"three"),
            ]
            for write in refused:
                with pytest.raises(ReadOnlyError) as caught:
                    await write()
                assert caught.value.alarm == "input/output error"
            state = await store.get(b"/a")
            assert state is not None
            assert state.value == b"one"
            assert [item.key for item in (await store.list(b"/")).items] == [b"/a"]
            assert await store.latest_revision() == made
            assert (await store.status()).alarm == "input/output error"
            async with RemoteStore(parse_url(url)) as late:
                assert await late.count(b"/") == 1

            committer.faults.clear()
            assert await until_written(store, made) > made
            assert (await store.status()).alarm == ""
            assert store.counters()["store_streams_broken"] == 0

    asyncio.run(story())
