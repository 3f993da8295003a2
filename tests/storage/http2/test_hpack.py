"""Header blocks are read as RFC 7541 says, whatever a client's encoder chooses to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.http2 import huffman
from storage.http2.hpack import STATIC, Decoder, Field, HpackError, literal

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")]
SITE = (b":authority", b"www.example.com")

# RFC 7541, appendix C: one connection each, in order
PLAIN = [
    ("828684410f7777772e6578616d706c652e636f6d", [*GET, SITE]),
    ("828684be58086e6f2d6361636865", [*GET, SITE, (b"cache-control", b"no-cache")]),
]
CODED = [
    ("828684418cf1e3c2e5f23a6ba0ab90f4ff", [*GET, SITE]),
    ("828684be5886a8eb10649cbf", [*GET, SITE, (b"cache-control", b"no-cache")]),
    (
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":path", b"/index.html"),
            SITE,
            (b"custom-key", b"custom-value"),
        ],
    ),
]


@pytest.mark.parametrize("session", [PLAIN, CODED])
def test_the_examples_of_the_standard_are_read(session: list[tuple[str, list[Field]]]) -> None:
    decoder = Decoder(list)

    for block, fields in session:
        assert decoder.decode(bytes.fromhex(block)) == fields


def test_a_block_that_is_remembered_is_forgotten_when_the_table_changes() -> None:
    decoder = Decoder(list)
    first = b"\x40" + literal(b"a", b"1")[1:]
    second = b"\x40" + literal(b"b", b"2")[1:]
    newest = b"\xbe"

    assert decoder.decode(first) == [(b"a", b"1")]
    assert decoder.decode(newest) == decoder.decode(newest) == [(b"a", b"1")]
    assert decoder.decode(second) == [(b"b", b"2")]
    assert decoder.decode(newest) == [(b"b", b"2")]


@pytest.mark.parametrize(
    "block",
    [
        "80",  # index 0
        "be",  # nothing there yet
        "ff8080808080",  # a number without an end
        "7f",  # cut off in a number
        "4003",  # cut off in a string
        "400361620161",
        "3fe21f",  # a table of 4097 bytes
        "4081ff00",  # padding of eight bits
        "4084ffffffff00",  # a string that holds its end
    ],
)
def test_a_block_that_cannot_be_read_is_refused(block: str) -> None:
    with pytest.raises(HpackError, match="cannot be read"):
        Decoder(list).decode(bytes.fromhex(block))


def _coded(text: bytes) -> bytes:
    """Return a text in Huffman's code."""
    bits = "".join(format(word, f"0{length}b") for word, length in map(WORDS.__getitem__, text))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8) if bits else b""


WORDS = huffman.words()


def test_the_code_is_complete_and_ends_with_what_is_never_sent() -> None:
    assert sum(2.0**-length for _, length in WORDS) == 1
    assert WORDS[huffman.END] == (0x3FFFFFFF, 30)


@pytest.mark.slow
@given(st.binary(max_size=60))
def test_what_is_coded_is_read_back(text: bytes) -> None:
    assert huffman.decode(_coded(text)) == text


class Encoder:
    """A client's half: keeps the table, and does with a field what it is told."""

    def __init__(self) -> None:
        self.table: list[Field] = []

    def limit(self, size: int) -> bytes:
        self.size = size
        self._evict()
        return _number(size, 5, 0x20)

    size = 4096

    def field(self, field: Field, how: str, *, coded: bool) -> bytes:
        known = [*STATIC[1:], *self.table]
        if how == "index" and field in known:
            return _number(known.index(field) + 1, 7, 0x80)
        names = [name for name, _ in known]
        bits, mark = (6, 0x40) if how != "literal" else (4, 0x10)
        named = names.index(field[0]) + 1 if field[0] in names else 0
        made = _number(named, bits, mark) + (b"" if named else _text(field[0], coded=coded))
        if how != "literal":
            self.table.insert(0, field)
            self._evict()
        return made + _text(field[1], coded=coded)

    def _evict(self) -> None:
        while sum(len(name) + len(value) + 32 for name, value in self.table) > self.size:
            self.table.pop()


def _number(number: int, bits: int, mark: int) -> bytes:
    most = (1 << bits) - 1
    if number < most:
        return bytes((mark | number,))
    out = bytearray((mark | most,))
    number -= most
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _text(text: bytes, *, coded: bool) -> bytes:
    made = _coded(text) if coded else text
    return _number(len(made), 7, 0x80 if coded else 0) + made


names = st.sampled_from([b":path", b"te", b"grpc-timeout", b"x", b"y" * 200])
fields = st.tuples(names, st.sampled_from([b"", b"trailers", b"5S", b"/a/b", b"v" * 1500]))
moves = st.tuples(fields, st.sampled_from(["index", "add", "literal"]), st.booleans())


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from([None, 0, 100, 4096]), st.lists(moves, max_size=6))))
def test_any_encoder_is_followed(
    blocks: list[tuple[int | None, list[tuple[Field, str, bool]]]],
) -> None:
    encoder, decoder = Encoder(), Decoder(list)

    for limit, block in blocks:
        made = b"" if limit is None else encoder.limit(limit)
        made += b"".join(encoder.field(field, how, coded=coded) for field, how, coded in block)
        assert decoder.decode(made) == [field for field, _, _ in block]
