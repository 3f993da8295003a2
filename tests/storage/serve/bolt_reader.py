"""A reader of bbolt files, made from the description of the format alone, for tests."""

from __future__ import annotations

import struct

PAGE = 4096


def read_buckets(file: bytes) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """Return what each bucket holds, in the order of its tree; asserts what bbolt checks."""
    metas = [_meta(file, number) for number in (0, 1)]
    root, end = max(metas, key=lambda meta: meta[2])[:2]
    assert len(file) == end * PAGE
    seen = {0, 1, 2}
    found = {}
    for flags, name, value in _walk(file, root, seen):
        assert flags == 1
        found[name] = [(key, text) for _, key, text in _walk(file, _u64(value, 0), seen)]
    assert seen == set(range(end)), "every page is reached"
    return found


def _meta(file: bytes, number: int) -> tuple[int, int, int]:
    page = file[number * PAGE : number * PAGE + 80]
    assert struct.unpack_from("<QHH", page) == (number, 4, 0)
    magic, version, size, flags = struct.unpack_from("<IIII", page, 16)
    assert (magic, version, size, flags) == (0xED0CDAED, 2, PAGE, 0)
    checksum = 14695981039346656037
    for byte in page[16:72]:
        checksum = (checksum ^ byte) * 1099511628211 % (1 << 64)
    assert checksum == _u64(page, 72)
    return _u64(page, 32), _u64(page, 56), _u64(page, 64)


def _walk(file: bytes, number: int, seen: set[int]) -> list[tuple[int, bytes, bytes]]:
    at = number * PAGE
    own, kind, count, more = struct.unpack_from("<QHHI", file, at)
    assert own == number
    pages = set(range(number, number + 1 + more))
    assert not pages & seen, "no page is reached twice"
    seen |= pages
    found = []
    for element in range(at + 16, at + 16 + 16 * count, 16):
        if kind == 1:
            distance, length, below = struct.unpack_from("<IIQ", file, element)
            first = file[element + distance : element + distance + length]
            leaves = _walk(file, below, seen)
            assert leaves[0][1] == first
            found += leaves
        else:
            assert kind == 2
            flags, distance, length, value = struct.unpack_from("<IIII", file, element)
            start = element + distance
            assert start + length + value <= at + (1 + more) * PAGE
            key = file[start : start + length]
            found.append((flags, key, file[start + length : start + length + value]))
    return found


def _u64(text: bytes, at: int) -> int:
    return int(struct.unpack_from("<Q", text, at)[0])
