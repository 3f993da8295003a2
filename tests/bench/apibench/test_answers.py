"""The parser of answers: any framing, cut at any byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.apibench.answers import (
    CHUNK_HEAD_BYTES_MAX,
    HEAD_BYTES_MAX,
    AnswerFaultError,
    AnswerReader,
)

SIZED = b"HTTP/1.1 201 Created\r\nContent-Type: a\r\nContent-Length: 5\r\n\r\nhello"
EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n1;ext=1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
)
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED
ANSWERS = [
    (SIZED, 201, b"hello"),
    (EMPTY, 200, b""),
    (NO_CONTENT, 204, b""),
    (CHUNKED, 200, b"hello 0123456789"),
    (CONTINUED, 201, b"hello"),
]


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    found = [data[a:b] for a, b in pairwise(bounds)]
    return [piece for piece in found if piece]


@pytest.mark.parametrize(("answer", "code", "body"), ANSWERS)
def test_answer_is_read_whole_in_one_piece(answer: bytes, code: int, body: bytes) -> None:
    taken: list[bytes] = []
    reader = AnswerReader(taken.append)

    assert reader.feed(answer)

    assert (reader.code, b"".join(taken), reader.body_bytes) == (code, body, len(body))
    assert not reader.closing


@given(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=4), st.data())
def test_answers_in_a_row_cut_anywhere_are_read_alike(
    answers: list[tuple[bytes, int, bytes]], data: st.DataObject
) -> None:
    taken: list[bytes] = []
    reader = AnswerReader(taken.append)

    for answer, code, body in answers:
        pieces = _pieces(answer, data.draw(st.lists(st.integers(0, 400), max_size=6)))
        whole = [reader.feed(piece) for piece in pieces]
        assert whole == [False] * (len(pieces) - 1) + [True]
        assert (reader.code, b"".join(taken), reader.body_bytes) == (code, body, len(body))
        taken.clear()


@given(st.lists(st.binary(max_size=50), max_size=6), st.lists(st.integers(0, 500), max_size=8))
def test_chunks_of_any_content_are_joined(chunks: list[bytes], cuts: list[int]) -> None:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
    taken: list[bytes] = []
    reader = AnswerReader(taken.append)

    whole = [reader.feed(piece) for piece in _pieces(answer, cuts)]

    assert whole.count(True) == 1
    assert b"".join(taken) == b"".join(chunks)


def test_answer_without_a_length_lasts_until_the_connection_ends() -> None:
    reader = AnswerReader()

    assert not reader.feed(b"HTTP/1.1 200 OK\r\n\r\nsome")

    assert reader.ended()
    assert reader.closing
    assert reader.body_bytes == 4


def test_a_torn_answer_is_not_whole() -> None:
    reader = AnswerReader()
    reader.feed(SIZED[:-1])

    assert not reader.ended()


def test_a_server_that_will_close_is_noticed() -> None:
    reader = AnswerReader()

    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    assert reader.closing


@pytest.mark.parametrize(
    "bad",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        SIZED + b"more",
        EMPTY + EMPTY,
        CHUNKED + b"x",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"x" * (HEAD_BYTES_MAX + 1),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"1" * (CHUNK_HEAD_BYTES_MAX + 1),
    ],
)
def test_what_is_no_answer_is_refused(bad: bytes) -> None:
    with pytest.raises(AnswerFaultError):
        AnswerReader().feed(bad)
