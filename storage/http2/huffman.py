"""The Huffman code of HPACK (RFC 7541, appendix B). Pure.

The code is canonical: it follows from the lengths of its words. Symbols are taken off the front of
the bits as one large integer; most words have 5 to 8 bits, so few lengths are tried for each.
"""

from __future__ import annotations

from typing import Final

# fmt: off
LENGTHS: Final = (
    13, 23, *[28] * 7, 24, 30, 28, 28, 30, *[28] * 8, 30, *[28] * 9,            # control characters
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,                     # space to /
    5, 5, 5, *[6] * 7, 7, 8, 15, 6, 12, 10, 13,                                 # 0 to @
    6, *[7] * 22, 8, 7, 8, 13, 19, 13, 14, 6, 15,                               # A to `
    5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, *[7] * 5,    # a to z
    15, 11, 14, 13, 28,                                                         # { to DEL
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,             # from 128 on
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,                                                                         # end of string
)
# fmt: on
"""Of each symbol's word, in bits."""
END: Final = 256
PADDING_MAX: Final = 7


def words() -> list[tuple[int, int]]:
    """Return (word, its length in bits) of each symbol."""
    made = [(0, 0)] * len(LENGTHS)
    word = last = 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(LENGTHS)):
        word <<= length - last
        made[symbol] = word, length
        word, last = word + 1, length
    return made


def _by_length() -> tuple[tuple[int, dict[int, int]], ...]:
    tables: dict[int, dict[int, int]] = {}
    for symbol, (word, length) in enumerate(words()):
        tables.setdefault(length, {})[word] = symbol
    return tuple(sorted(tables.items()))


_TABLES: Final = _by_length()


def decode(text: bytes) -> bytes:
    """Return what was encoded. Raises ValueError."""
    out = bytearray()
    left = 8 * len(text)
    bits = int.from_bytes(text)
    while left:
        for length, table in _TABLES:
            if length > left:
                _check_padding(bits, left)
                return bytes(out)
            symbol = table.get(bits >> (left - length))
            if symbol is not None:
                break
        else:
            raise ValueError("no such Huffman word")
        if symbol == END:
            raise ValueError("a Huffman string holds its end")
        out.append(symbol)
        left -= length
        bits &= (1 << left) - 1
    return bytes(out)


def _check_padding(bits: int, left: int) -> None:
    if left > PADDING_MAX or bits != (1 << left) - 1:
        raise ValueError("bad padding of a Huffman string")
