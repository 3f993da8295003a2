"""Strategic merges: lists by key, directives, the order of elements, what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.api.core.v1_pb2 import ConfigMap, Node, Pod, Service
from serialization.patch.errors import NestedListsError, PatchFormatError, PatchRuleError
from serialization.patch.merge import merge
from serialization.patch.strategic import strategic_merge

Tree = dict[str, Any]


def spec_of(old: Tree, patch: Tree) -> Tree:
    """Return the spec of a pod after a patch of its spec."""
    before = copy.deepcopy(patch)
    spec: Tree = strategic_merge({"spec": old}, {"spec": patch}, Pod)["spec"]
    assert patch == before  # it can be applied again
    return spec


def names(elements: list[Tree], key: str = "name") -> list[str]:
    return [str(element[key]) for element in elements]


def containers(*letters: str, **members: object) -> list[Tree]:
    return [{"name": letter, **members} for letter in letters]


@pytest.mark.parametrize(
    ("old", "patch", "expected"),
    [
        ("abc", containers("b"), "abc"),
        ("abc", containers("d"), "dabc"),
        ("abc", containers("c", "a"), "bca"),
        ("abc", containers("d", "b"), "dabc"),
        ("abc", containers("b", "d"), "abdc"),
        ("abc", [{"name": "b", "$patch": "delete"}], "ac"),
        ("abc", [{"name": "z", "$patch": "delete"}], "abc"),
        ("abc", [{"name": "z", "$patch": "delete"}, {"name": "y"}], "yabc"),
        ("abc", [{"$patch": "replace"}, {"name": "z"}], "z"),
        ("abc", [{"name": "a", "$patch": "merge", "image": "i"}], "abc"),
        ("", containers("a", "b"), "ab"),
    ],
)
def test_elements_are_merged_by_key_and_new_ones_go_to_the_front(
    old: str, patch: list[Tree], expected: str
) -> None:
    spec = spec_of({"containers": containers(*old)}, {"containers": patch})

    assert "".join(names(spec["containers"])) == expected


@pytest.mark.parametrize(
    ("old", "patch", "order", "expected"),
    [
        ("abc", "", "cab", "cab"),
        ("abc", "n", "cn", "abcn"),
        ("abc", "n", "nabc", "nabc"),
        ("abc", "n", "abnc", "abnc"),
        ("abc", "", "zc", "abc"),
        ("", "ab", "ab", "ab"),
        ("", "", "ab", None),
    ],
)
def test_order_of_elements_can_be_set(
    old: str, patch: str, order: str, expected: str | None
) -> None:
    body: Tree = {"$setElementOrder/containers": containers(*order)}
    if patch:
        body["containers"] = containers(*patch)

    spec = spec_of({"containers": containers(*old)} if old else {}, body)

    found = "".join(names(spec["containers"])) if "containers" in spec else None
    assert found == expected


def test_merged_element_keeps_its_other_members() -> None:
    old = {"containers": [{"name": "a", "image": "1", "args": ["x"], "tty": True}]}

    spec = spec_of(old, {"containers": [{"name": "a", "image": "2", "args": ["y"], "tty": None}]})

    assert spec == {"containers": [{"name": "a", "image": "2", "args": ["y"]}]}


def test_each_list_has_its_own_key() -> None:
    old = {
        "containers": [
            {
                "name": "a",
                "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 81}],
                "volumeMounts": [{"mountPath": "/x", "name": "v"}],
                "env": [{"name": "A", "value": "1"}],
            }
        ],
        "tolerations": [{"key": "a"}],
    }
    patch = {
        "containers": [
            {
                "name": "a",
                "ports": [{"containerPort": 80, "name": "web"}],
                "volumeMounts": [{"mountPath": "/x", "readOnly": True}],
                "env": [{"name": "A", "value": None, "valueFrom": {"fieldRef": {}}}],
            }
        ],
        "tolerations": [{"key": "b"}],
    }

    spec = spec_of(old, patch)

    assert spec["containers"][0] == {
        "name": "a",
        "ports": [
            {"containerPort": 80, "protocol": "TCP", "name": "web"},
            {"containerPort": 81},
        ],
        "volumeMounts": [{"mountPath": "/x", "name": "v", "readOnly": True}],
        "env": [{"name": "A", "valueFrom": {"fieldRef": {}}}],
    }
    assert spec["tolerations"] == [{"key": "b"}]


def test_of_elements_with_one_key_the_first_is_merged() -> None:
    old = {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}]}

    merged = strategic_merge(
        {"spec": old}, {"spec": {"ports": [{"port": 80, "name": "x"}]}}, Service
    )

    assert merged["spec"]["ports"] == [
        {"port": 80, "protocol": "TCP", "name": "x"},
        {"port": 80, "protocol": "UDP"},
    ]


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"finalizers": ["c"]}, ["c", "a", "b"]),
        ({"finalizers": ["b", "b", "x"]}, ["a", "b", "x"]),
        ({"$deleteFromPrimitiveList/finalizers": ["a", "z"]}, ["b"]),
        (
            {
                "$deleteFromPrimitiveList/finalizers": ["a"],
                "$setElementOrder/finalizers": ["d", "b"],
                "finalizers": ["d"],
            },
            ["d", "b"],
        ),
        ({"$setElementOrder/finalizers": ["b", "a"]}, ["b", "a"]),
    ],
)
def test_lists_of_scalars_are_sets(patch: Tree, expected: list[str]) -> None:
    target = {"metadata": {"finalizers": ["a", "b"]}}

    merged = strategic_merge(target, {"metadata": patch}, ConfigMap)

    assert merged["metadata"]["finalizers"] == expected


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"$patch": "replace", "c": "3"}, {"c": "3"}),
        ({"$patch": "delete"}, {}),
        ({"$patch": "merge", "c": "3", "a": None}, {"b": "2", "c": "3"}),
        ({"$retainKeys": ["a", "c"], "c": "3"}, {"a": "1", "c": "3"}),
        ({"c": "3"}, {"a": "1", "b": "2", "c": "3"}),
    ],
)
def test_objects_are_directed(patch: Tree, expected: Tree) -> None:
    merged = strategic_merge({"data": {"a": "1", "b": "2"}}, {"data": patch}, ConfigMap)

    assert merged == {"data": expected}


def test_whole_object_is_replaced() -> None:
    patch = {"$patch": "replace", "data": {"z": "1", "n": None}}

    assert strategic_merge({"data": {"a": "1"}, "x": 1}, patch, ConfigMap) == {"data": {"z": "1"}}


def test_what_is_new_carries_no_directives_and_no_nulls() -> None:
    new = [
        {
            "name": "v",
            "$retainKeys": ["name"],
            "emptyDir": {"medium": None, "$patch": "replace"},
            "projected": {
                "$setElementOrder/sources": [],
                "sources": [{"$patch": "delete"}, {"$patch": "replace"}, {"secret": {}}],
            },
        }
    ]
    expected = [{"name": "v", "emptyDir": {}, "projected": {"sources": [{"secret": {}}]}}]

    assert spec_of({}, {"volumes": new}) == {"volumes": expected}
    assert spec_of({"volumes": []}, {"volumes": new}) == {"volumes": expected}


@pytest.mark.parametrize(
    ("patch", "error"),
    [
        ({"containers": [{"image": "x"}]}, PatchRuleError),
        ({"containers": [{"$patch": "delete"}]}, PatchRuleError),
        ({"containers": [{"$patch": "frob", "name": "a"}]}, PatchRuleError),
        ({"containers": [{"name": "a", "resources": {"$patch": 7}}]}, PatchRuleError),
        ({"containers": ["a"]}, PatchRuleError),
        ({"containers": [["a"]]}, NestedListsError),
        (
            {"$setElementOrder/containers": [{"name": "c"}], "containers": [{"name": "a"}]},
            PatchRuleError,
        ),
        ({"$setElementOrder/containers": [{"image": "c"}]}, PatchRuleError),
        ({"$setElementOrder/containers": "c"}, PatchFormatError),
        ({"$setElementOrder/containers": [7], "containers": 7}, PatchRuleError),
        ({"$setElementOrder/": []}, PatchFormatError),
        ({"$setElementOrder/a/b": []}, PatchFormatError),
        ({"$setElementOrder/nope": []}, PatchRuleError),
        ({"$deleteFromPrimitiveList/containers": "x"}, PatchFormatError),
        ({"$deleteFromPrimitiveList/containers": [{}]}, PatchFormatError),
        ({"securityContext": {"$retainKeys": "x"}}, PatchFormatError),
        ({"securityContext": {"$retainKeys": ["a"], "b": 1}}, PatchFormatError),
    ],
)
def test_what_cannot_be_merged_is_refused(patch: Tree, error: type[Exception]) -> None:
    old = {"containers": containers("a"), "securityContext": {"x": 1}}

    with pytest.raises(error):
        spec_of(old, patch)


values = st.recursive(
    st.booleans() | st.integers() | st.sampled_from(("", "x")),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
nullable = st.dictionaries(st.sampled_from("abc"), values | st.none(), max_size=3)


@pytest.mark.slow
@given(objects, nullable)
def test_where_no_list_has_a_key_it_is_a_merge_patch(old: Tree, patch: Tree) -> None:
    target, body = {"data": old}, {"data": patch}

    strategic = strategic_merge(copy.deepcopy(target), body, ConfigMap)

    assert strategic == merge(copy.deepcopy(target), copy.deepcopy(body))


lettered = st.lists(st.sampled_from("abcdef"), unique=True)


@pytest.mark.slow
@given(lettered, lettered)
def test_merging_loses_no_element_and_keeps_the_order_of_the_patch(
    old: list[str], new: list[str]
) -> None:
    found = names(
        spec_of({"containers": containers(*old)}, {"containers": containers(*new)})["containers"]
    )

    assert sorted(found) == sorted({*old, *new})
    assert [name for name in found if name in new] == new
    rest = [name for name in old if name not in new]
    assert [name for name in found if name in rest] == rest


@pytest.mark.slow
@given(lettered, lettered)
def test_merging_twice_is_merging_once(old: list[str], new: list[str]) -> None:
    patch: Tree = {"status": {"conditions": [{"type": name, "status": "True"} for name in new]}}
    target: Tree = {"status": {"conditions": [{"type": name} for name in old]}}
    once = strategic_merge(target, patch, Node)

    assert strategic_merge(copy.deepcopy(once), patch, Node) == once


@pytest.mark.slow
@given(lettered, lettered)
def test_order_that_names_all_elements_is_their_order(old: list[str], order: list[str]) -> None:
    whole = [*order, *(name for name in old if name not in order)]
    patch: Tree = {"$setElementOrder/containers": containers(*whole)}

    spec = spec_of({"containers": containers(*old)}, patch)

    assert names(spec["containers"]) == [name for name in whole if name in old]
