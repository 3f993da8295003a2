"""JSON patches: the standard, and where Kubernetes is more lenient."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.patch.errors import PatchFailedError, PatchFormatError, PatchTooLongError
from serialization.patch.json_patch import apply_operations, read_operations, same

Operation = dict[str, Any]


def patched(document: Any, *operations: Operation) -> Any:
    return apply_operations(document, read_operations(list(operations)))


def op(name: str, path: str, value: Any = None) -> Operation:
    return {"op": name, "path": path, "value": value}


def moved(name: str, source: str, path: str) -> Operation:
    return {"op": name, "from": source, "path": path}


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({"a": 1}, op("add", "/b", 2), {"a": 1, "b": 2}),
        ({"a": 1}, op("add", "/a", 2), {"a": 2}),
        ({"a": [1, 3]}, op("add", "/a/1", 2), {"a": [1, 2, 3]}),
        ({"a": [1]}, op("add", "/a/-", 2), {"a": [1, 2]}),
        ({"a": [1]}, op("add", "/a/1", 2), {"a": [1, 2]}),
        ({"a": [1]}, op("add", "/a/-1", 2), {"a": [1, 2]}),
        ({"a": 1}, op("add", "", [7]), [7]),
        ({"a": 1}, op("replace", "/a", 2), {"a": 2}),
        ({"a": 1}, op("replace", "/b", 2), {"a": 1, "b": 2}),
        ({"a": [1, 2]}, op("replace", "/a/-1", 3), {"a": [1, 3]}),
        ({"a": 1}, op("replace", "", {"b": 1}), {"b": 1}),
        ({"a": 1, "b": 2}, op("remove", "/a"), {"b": 2}),
        ({"a": [1, 2, 3]}, op("remove", "/a/1"), {"a": [1, 3]}),
        ({"a": [1, 2]}, op("remove", "/a/-2"), {"a": [2]}),
        ({"a": 1}, moved("move", "/a", "/b"), {"b": 1}),
        ({"a": [1, 2]}, moved("move", "/a/0", "/a/1"), {"a": [2, 1]}),
        ({"a": {"x": 1}}, moved("copy", "/a", "/b"), {"a": {"x": 1}, "b": {"x": 1}}),
        ({"a/b": 1}, op("replace", "/a~1b", 2), {"a/b": 2}),
        ({"a~b": 1}, op("replace", "/a~0b", 2), {"a~b": 2}),
        ({"a~1b": 1}, op("replace", "/a~01b", 2), {"a~1b": 2}),
        ({"": 1}, op("replace", "/", 2), {"": 2}),
        ({"a": 1}, op("test", "/a", 1), {"a": 1}),
        ({"a": 1}, op("test", "/b", None), {"a": 1}),
        ({"a": {"b": [1]}}, op("test", "", {"a": {"b": [1]}}), {"a": {"b": [1]}}),
    ],
)
def test_operation_has_its_effect(document: Any, operation: Operation, expected: Any) -> None:
    assert patched(document, operation) == expected


@pytest.mark.parametrize(
    ("document", "operation"),
    [
        ({}, op("remove", "/a")),
        ({}, op("remove", "")),
        ({}, op("add", "/a/b", 1)),
        ({"a": 1}, op("add", "/a/b", 1)),
        ({"a": [1]}, op("add", "/a/2", 1)),
        ({"a": [1]}, op("add", "/a/-3", 1)),
        ({"a": [1]}, op("add", "/a/x", 1)),
        ({"a": [1]}, op("add", "/a/\u0663", 1)),
        ({"a": [1]}, op("add", "/a/9999999999999", 1)),
        ({"a": [1]}, op("replace", "/a/1", 1)),
        ({"a": [1]}, op("remove", "/a/-")),
        ({"a": [1]}, op("test", "/a/5", None)),
        ({"a": 1}, op("test", "/a", 2)),
        ({"a": 1}, op("test", "/a", True)),
        ({"a": 1}, op("test", "/b/c", None)),
        ({"a": 1}, moved("move", "/b", "/c")),
        ({"a": {}}, moved("move", "/a", "/a/b")),
        ({"a": 1}, moved("copy", "/b", "/c")),
    ],
)
def test_operation_that_does_not_fit_fails(document: Any, operation: Operation) -> None:
    with pytest.raises(PatchFailedError):
        patched(document, operation)


@pytest.mark.parametrize(
    ("tree", "error"),
    [
        ({}, PatchFormatError),
        (None, PatchFormatError),
        ([1], PatchFormatError),
        ([{"op": 1, "path": "/a"}], PatchFormatError),
        ([{"op": "add", "path": 1}], PatchFormatError),
        ([{"op": "frob", "path": "/a"}], PatchFailedError),
        ([{"path": "/a"}], PatchFailedError),
        ([{"op": "remove"}], PatchFailedError),
        ([{"op": "add", "path": "/a"}], PatchFailedError),
        ([{"op": "move", "path": "/a"}], PatchFailedError),
        ([{"op": "remove", "path": "a"}], PatchFailedError),
        ([{}] * 10_001, PatchTooLongError),
    ],
)
def test_what_is_no_patch_is_refused(tree: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_operations(tree)


def test_copies_are_bounded() -> None:
    doubling = [moved("copy", "", "/a/-")] * 40

    with pytest.raises(PatchFailedError):
        patched({"a": ["x" * 100]}, *doubling)


def test_copy_is_a_copy_and_the_operations_stay_as_they_are() -> None:
    operations = read_operations(
        [op("add", "/a", {"x": []}), moved("copy", "/a", "/b"), op("add", "/a/x/-", 1)]
    )

    for _ in range(2):
        assert apply_operations({}, operations) == {"a": {"x": [1]}, "b": {"x": []}}


scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(("", "a", "~", "/"))
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab~/"), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("ab~/"), trees, max_size=4)


@pytest.mark.slow
@given(objects, objects)
def test_replacing_each_member_makes_the_other_document(old: Any, new: Any) -> None:
    def path(name: str) -> str:
        return "/" + name.replace("~", "~0").replace("/", "~1")

    operations = [op("remove", path(name)) for name in old if name not in new]
    operations += [op("add", path(name), value) for name, value in new.items()]

    assert patched(copy.deepcopy(old), *operations) == new


@pytest.mark.slow
@given(trees)
def test_tree_is_the_same_as_its_copy(tree: Any) -> None:
    assert same(tree, copy.deepcopy(tree))
    assert patched(tree, op("test", "", tree)) == tree
