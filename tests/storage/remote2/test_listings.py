"""Listings of etcd 2 in pieces: the same leaves as the whole text holds, however it is cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.remote.etcd2 import listings
from storage.remote.etcd2.keys import Node
from storage.remote.etcd2.listings import pieces, whole

HOSTILE = [
    '},{"key":"',
    '"dir":true,"nodes":[',
    '],"modifiedIndex":4,"createdIndex":4}',
    '{"key":"/a","dir":true,"nodes":[{"key":"',
    "\\",
    '"',
    "",
]
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=12)
NAMES = st.sampled_from(["a", "b", 'q"uote', "back\\slash", "],", "dir", "{}", "ä", "key"])


def node(name: str, rest: dict[str, object], index: int) -> dict[str, object]:
    """Return a node with its fields in the order in which etcd writes them."""
    ending = {"expiration": "2026-01-01T00:00:00Z", "ttl": 5} if index % 3 == 0 else {}
    nodes = {"nodes": rest.pop("nodes")} if "nodes" in rest else {}
    return {
        "key": name,
        **rest,
        **ending,
        **nodes,
        "modifiedIndex": index,
        "createdIndex": index,
    }


LEAVES = st.builds(
    lambda name, value, index: node(f"/{name}", {"value": value}, index),
    NAMES,
    TEXTS,
    st.integers(1, 99),
)
EMPTY = st.builds(
    lambda name, index: node(f"/{name}", {"dir": True}, index), NAMES, st.integers(1, 99)
)
NODES = st.recursive(
    LEAVES | EMPTY,
    lambda inner: st.builds(
        lambda name, nodes, index: node(f"/{name}", {"dir": True, "nodes": nodes}, index),
        NAMES,
        st.lists(inner, min_size=1, max_size=4),
        st.integers(1, 99),
    ),
    max_leaves=12,
)


def written(root: dict[str, object]) -> bytes:
    event = {"action": "get", "node": root}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@given(st.lists(NODES, min_size=1, max_size=6), st.integers(1, 200), st.booleans())
def test_pieces_are_the_leaves_of_the_whole(
    nodes: list[dict[str, object]], piece_bytes: int, top: bool
) -> None:
    root = {"dir": True, "nodes": nodes} if top else node("/r", {"dir": True, "nodes": nodes}, 6)
    body = written(root)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listings, "PIECE_BYTES", piece_bytes)
        found: list[Node] = [leaf for piece in pieces(body) for leaf in piece]

    assert found == whole(body)


def test_piece_of_many_is_about_as_big_as_wanted() -> None:
    leaves = [node(f"/r/{n}", {"value": "v" * 1000}, 1) for n in range(3000)]
    body = written(node("/r", {"dir": True, "nodes": leaves}, 1))

    sizes = [len(piece) for piece in pieces(body)]

    assert sum(sizes) == 3000
    assert max(sizes) * 1000 < 2 * listings.PIECE_BYTES


def test_listing_of_a_leaf_or_of_an_empty_directory_has_no_leaves() -> None:
    roots: list[dict[str, object]] = [
        node("/r", {"value": '"nodes":['}, 1),
        node("/r", {"dir": True}, 1),
        {"dir": True},
        {"dir": True, "nodes": []},
    ]
    for root in roots:
        assert [leaf for piece in pieces(written(root)) for leaf in piece] == []


def test_text_that_is_written_another_way_is_refused_not_misread() -> None:
    leaf = {"value": "v", "key": "/r/a/x", "createdIndex": 2, "modifiedIndex": 3}
    inner = {"dir": True, "nodes": [leaf], "key": "/r/a"}
    for indent in (None, 1):
        event = {"action": "get", "node": {"nodes": [inner, leaf], "dir": True, "key": "/r"}}
        body = json.dumps(event, indent=indent).encode()
        try:
            found = [leaf for piece in pieces(body) for leaf in piece]
        except ValueError:
            found = whole(body)
        assert found == [leaf, leaf]
