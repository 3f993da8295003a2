"""Which keys a tree can hold, and where those stand that begin with some bytes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import UnsupportedError
from storage.etcd2.keys import below, key_of, path_of, prefix_of, text_of
from storage.etcd2.machine import Machine
from storage.etcd2.model import Method, Request
from storage.etcd2.scanning import leaves_under

PARTS = st.lists(
    st.sampled_from(["a", "b", "ab", "é", "\U0010ffff", "-", "0", "_", ".", "..", "", ".a", "a_"]),
    max_size=4,
)
KEYS = PARTS.map(lambda parts: "".join(f"/{part}" for part in parts).encode())


@given(KEYS | st.binary(max_size=8))
def test_key_that_is_held_comes_back_and_no_other_passes(key: bytes) -> None:
    parts = key.split(b"/")[1:]
    fit = key.startswith(b"/") and all(
        part and part not in (b".", b"..") and not part.startswith(b"_") for part in parts
    )
    with suppress(UnicodeDecodeError):
        key.decode()
        if fit:
            path = path_of(key)
            assert path == "/1" + key.decode()
            assert key_of(path) == key
            assert below(path)
            return

    with pytest.raises(UnsupportedError, match="etcd 2"):
        path_of(key)


def test_value_that_is_not_text_is_refused_by_its_key() -> None:
    assert text_of(b"/a", "ü\0".encode()) == "ü\0"
    with pytest.raises(UnsupportedError, match="the value of the key /a"):
        text_of(b"/a", b"\xff")


@given(st.lists(KEYS, max_size=12), KEYS | st.binary(max_size=4), st.integers(0, 8))
def test_keys_under_a_prefix_are_found_in_the_order_of_their_bytes(
    keys: list[bytes], prefix: bytes, cut: int
) -> None:
    machine, held = Machine(), list[bytes]()
    for key in keys:
        with suppress(Exception):
            machine.apply(Request(Method.PUT, path_of(key), prev_exist=False), 0)
            held.append(key)
    machine.apply(Request(Method.PUT, "/1/_hidden/a"), 0)
    machine.apply(Request(Method.PUT, "/0/members"), 0)

    for asked in (prefix, prefix[: len(prefix) - cut], b"", b"/"):
        found = [key_of(leaf.key) for leaf in leaves_under(machine.tree, asked)]
        assert found == sorted(key for key in held if key.startswith(asked))


@pytest.mark.parametrize(
    ("prefix", "directory", "whole"),
    [
        (b"", "/1", True),
        (b"/", "/1", True),
        (b"/registry/pods/", "/1/registry/pods", True),
        (b"/registry/pods", "/1/registry", False),
        (b"/\xc3", "/1", False),
    ],
)
def test_prefix_is_in_one_directory(prefix: bytes, directory: str, whole: bool) -> None:
    place = prefix_of(prefix)

    assert place is not None
    assert (place.directory, place.whole) == (directory, whole)


@pytest.mark.parametrize("prefix", [b"registry", b"\xff/", b"//", b"/a/../b", b"/_a/"])
def test_prefix_of_no_key_is_nowhere(prefix: bytes) -> None:
    assert prefix_of(prefix) is None
