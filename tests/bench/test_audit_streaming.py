"""Long list documents read in pieces are what they are read whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.audit.streaming import ListDocument, TornDocumentError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), max_size=4)


def in_pieces(text: bytes, size: int) -> Callable[[int], bytes]:
    left = bytearray(text)

    def read(_count: int) -> bytes:
        piece = bytes(left[:size])
        del left[:size]
        return piece

    return read


@given(OBJECTS, VALUES, st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_document_in_pieces_is_the_document(
    items: list[dict[str, Any]], head: Any, size: int, last: bool, indent: int | None
) -> None:
    plain = {"a": head, "items": items} if last else {"items": items, "a": head, "n": 12}
    text = json.dumps(plain, ensure_ascii=False, indent=indent).encode()

    document = ListDocument(in_pieces(text, size))

    assert list(document.items()) == items
    assert document.head == {key: value for key, value in plain.items() if key != "items"}


def test_items_that_are_null_are_none() -> None:
    document = ListDocument(in_pieces(b'{"items": null, "metadata": {}}', 3))

    assert list(document.items()) == []
    assert document.head == {"items": None, "metadata": {}}


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"items": [', b'{"items": [{}', b'{"items": [{}]', b'{"a": 1 "b": 2}']
)
def test_document_that_is_torn_or_none_is_refused(text: bytes) -> None:
    with pytest.raises(TornDocumentError):
        list(ListDocument(in_pieces(text, 4)).items())


def test_document_of_many_objects_keeps_a_piece_and_an_object_at_a_time() -> None:
    text = b'{"items": [' + b",".join([b'{"name": "a pod", "n": [1, 2, 3]}'] * 5000) + b"]}"
    document = ListDocument(in_pieces(text, 1000))

    longest = max(len(document._buffer) for _ in document.items())

    assert longest < 1100
