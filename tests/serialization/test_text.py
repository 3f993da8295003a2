"""The short way into JSON text gives what the exact way does, or leaves the text to it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.errors import DecodeError
from serialization.jsonform.decode import ObjectWithDuplicates
from serialization.jsonform.text import parse_exact, parse_plain

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)
ODD = (b'{"a":1,"a":2}', b'[{"b":[{"a":1,"a":2}]}]', b"NaN", b"{", b"", b"\xff", b"\xef\xbb\xbf{}")


@given(TREES)
def test_sound_text_is_read_alike_both_ways(tree: object) -> None:
    text = json.dumps(tree).encode()

    assert parse_plain(text) == parse_exact(text)
    assert repr(parse_plain(text)) == repr(parse_exact(text))  # the text of numbers, too


@pytest.mark.parametrize("text", ODD)
def test_odd_text_is_left_to_the_exact_way(text: bytes) -> None:
    assert parse_plain(text) is None


def test_what_nests_deep_is_left_to_the_exact_way() -> None:
    assert parse_plain(b"[" * 200 + b"]" * 200) is None
    assert parse_plain(b"[" * 100 + b"]" * 100) is not None


@given(st.binary(max_size=12) | st.text('{}[]",:a1 ', max_size=12).map(str.encode))
def test_any_text_is_read_as_by_the_exact_way_or_left_to_it(text: bytes) -> None:
    found = parse_plain(text)
    if found is None:
        return

    try:
        exact = parse_exact(text)
    except DecodeError as error:
        pytest.fail(str(error))
    assert not isinstance(exact, ObjectWithDuplicates)
    assert found == exact
