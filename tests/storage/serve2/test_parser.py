"""Requests cut out of bytes: how they are cut into pieces on their way makes no difference."""

from __future__ import annotations

import random

import pytest

from storage.serve.etcd2.chunks import FRAMING_BYTES_MAX
from storage.serve.etcd2.messages import Heard
from storage.serve.etcd2.parser import HEAD_BYTES_MAX, KNOWN_MAX, Head, Parser
from storage.serve.etcd2.request_heads import HeadError
from tests.storage.serve2.odd_requests import BODIES, CUT_SHORT, GET, HEADS, IN_CHUNKS, RECORDS
from tests.storage.serve2.wire import request

ALL = (*BODIES, *CUT_SHORT, *HEADS, *RECORDS)


def cut(pieces: list[bytes]) -> list[object]:
    """Feed pieces; return the requests, and the last answer if there is one."""
    parser, told = Parser(), list[object]()
    try:
        for piece in pieces:
            parser.feed(piece)
            if _take(parser, told):
                return told
        parser.end()
        _take(parser, told)
    except HeadError as error:
        told.append(error.payload)
    return told


def _take(parser: Parser, told: list[object]) -> bool:
    """Take all that is whole; return whether it was the last."""
    while (found := parser.next()) is not None:
        if not isinstance(found, Head):
            told.append(found)
            if found.unread:
                return True
        elif found.fields.unmet:
            told.append(found)
            return True
    return False


@pytest.mark.parametrize("sent", ALL, ids=range(len(ALL)))
def test_requests_are_the_same_however_they_come(sent: bytes) -> None:
    data = sent + GET if sent not in CUT_SHORT else sent
    whole = cut([data])
    chance = random.Random(5)
    places = sorted(chance.sample(range(len(data)), min(5, len(data))))

    pieces = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]

    assert cut(pieces) == whole


def test_heads_that_change_are_told_apart() -> None:
    sent = [request("PUT", f"/{n}", b"v" * (n % (2 * KNOWN_MAX))) for n in range(200)]

    told = [each for each in cut([b"".join(sent)]) if isinstance(each, Heard)]

    assert [each.target for each in told] == [b"/%d" % n for n in range(200)]
    assert [len(each.body) for each in told] == [n % (2 * KNOWN_MAX) for n in range(200)]


def test_what_an_old_client_sent_is_not_taken_for_a_new_ones() -> None:
    old = b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    told = cut([request("GET", "/a") + old + old.replace(b"1.0", b"1.1")])

    assert isinstance(told[1], Heard)
    assert not told[1].new
    assert b"missing required Host header" in repr(told[2]).encode()


def test_a_head_and_the_framing_of_a_body_are_bounded() -> None:
    endless = [b"GET /a HTTP/1.1\r\nHost: e\r\nX: "] + [b"y" * 65_536] * (HEAD_BYTES_MAX // 65_536)
    extension = b"1;" + b"x" * 4000 + b"\r\nv\r\n"

    assert cut([*endless, b"y" * 65_536])[-1] != []
    assert b" 431 " in repr(cut([*endless, b"y" * 65_536])[-1]).encode()
    told = cut([IN_CHUNKS, *[extension] * (FRAMING_BYTES_MAX // 4000 + 8)])[-1]
    assert isinstance(told, Heard)
    assert told.fault == "chunked encoding contains too much non-data"
