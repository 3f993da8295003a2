"""Merge patches (RFC 7396)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.api.core.v1_pb2 import ConfigMap
from serialization.patch.errors import PatchFailedError, PatchFormatError
from serialization.patch.forms import MergePatch, read_patch
from serialization.patch.merge import merge

MERGE = "application/merge-patch+json"

values = st.recursive(
    st.booleans() | st.integers() | st.sampled_from(("", "x")),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_has_its_effect(target: Any, patch: Any, expected: Any) -> None:
    assert merge(target, patch) == expected


@pytest.mark.slow
@given(objects)
def test_merging_nothing_changes_nothing(tree: dict[str, Any]) -> None:
    assert merge(copy.deepcopy(tree), {}) == tree


@pytest.mark.slow
@given(objects)
def test_merging_with_itself_changes_nothing(tree: dict[str, Any]) -> None:
    assert merge(copy.deepcopy(tree), copy.deepcopy(tree)) == tree


@pytest.mark.slow
@given(objects)
def test_merging_into_nothing_makes_the_patch(tree: dict[str, Any]) -> None:
    assert merge({}, copy.deepcopy(tree)) == tree


@pytest.mark.slow
@given(objects, objects)
def test_merging_twice_is_merging_once(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge(copy.deepcopy(tree), copy.deepcopy(patch))

    assert merge(copy.deepcopy(once), patch) == once


@pytest.mark.slow
@given(objects, objects)
def test_patch_of_the_difference_makes_the_other_tree(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    def difference(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
        gone: dict[str, Any] = {name: None for name in left if name not in right}
        for name, value in right.items():
            mine = left.get(name)
            if isinstance(mine, dict) and isinstance(value, dict):
                gone[name] = difference(mine, value)
            else:
                gone[name] = value
        return gone

    assert merge(copy.deepcopy(old), difference(old, new)) == new


def test_patch_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(PatchFormatError):
        read_patch(MERGE, b'{"a":' * 100_000)
    for depth in (500, 700, 900):
        with pytest.raises(PatchFormatError):
            read_patch(MERGE, b'{"a":' * depth + b'{"x":1,"x":2}' + b"}" * depth)
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}

    with pytest.raises(PatchFailedError):
        MergePatch(deep).apply({}, ConfigMap)


def test_keys_that_stand_twice_are_told_with_their_paths() -> None:
    patch, twice = read_patch(MERGE, b'{"a":1,"b":[{"c":1,"c":2}],"a":2}')

    assert twice == ["a", "b[0].c"]
    assert patch.apply({}, ConfigMap) == {"a": 2, "b": [{"c": 2}]}


def test_patch_of_another_media_type_is_none() -> None:
    with pytest.raises(KeyError):
        read_patch("application/json", b"{}")
