"""Whatever is sent as a patch: it is carried out, or refused with a PatchError; and left alone."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.api.core.v1_pb2 import Node, Pod
from serialization.errors import DecodeError
from serialization.patch.errors import PatchError
from serialization.patch.forms import PATCHES, read_patch
from serialization.plain import from_plain, plain

POD = {
    "metadata": {"name": "a", "labels": {"a": "1"}, "finalizers": ["a", "b"]},
    "spec": {
        "containers": [
            {"name": "a", "image": "i", "env": [{"name": "a", "value": "1"}]},
            {"name": "b", "ports": [{"containerPort": 1}, {"containerPort": 2}]},
        ],
        "volumes": [{"name": "a", "emptyDir": {}}],
    },
    "status": {"conditions": [{"type": "a", "status": "True"}], "phase": "Running"},
}
NODE = {
    "metadata": {"name": "a", "annotations": {"a": "1"}},
    "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
    "status": {"addresses": [{"type": "a", "address": "b"}], "capacity": {"cpu": "1"}},
}

NAMES = st.sampled_from(
    [
        *("metadata", "spec", "status", "labels", "finalizers", "name", "type", "key", "a", "cpu"),
        *("containers", "env", "ports", "containerPort", "volumes", "emptyDir", "conditions"),
        *("taints", "addresses", "capacity", "value", "status", "address", "annotations"),
        *("$patch", "$retainKeys", "$setElementOrder/containers", "$setElementOrder/finalizers"),
        *("$setElementOrder/conditions", "$deleteFromPrimitiveList/finalizers", "$setElementOrder"),
    ]
)
LEAVES = st.sampled_from(
    [None, True, False, 0, 1, -1, 1.5, "", "a", "b", "c", "1", "delete", "replace", "merge"]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=14,
)
POINTERS = st.lists(NAMES | st.sampled_from(["0", "1", "-1", "-", "x", ""]), max_size=4).map(
    lambda names: "".join(f"/{name}" for name in names)
)
OPERATIONS = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
        "path": POINTERS,
        "from": POINTERS,
        "value": TREES,
    }
)
BODIES = {
    "application/json-patch+json": st.lists(OPERATIONS, max_size=4) | TREES,
    "application/merge-patch+json": TREES,
    "application/strategic-merge-patch+json": TREES
    | st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), TREES, min_size=1),
}


def test_every_form_of_a_patch_is_tried() -> None:
    assert BODIES.keys() == PATCHES.keys()


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(drawn=st.data())
@pytest.mark.parametrize(("message", "tree"), [(Pod, POD), (Node, NODE)])
@pytest.mark.parametrize("media_type", sorted(PATCHES))
def test_any_patch_is_carried_out_or_refused(
    media_type: str, message: type[Message], tree: dict[str, Any], drawn: st.DataObject
) -> None:
    body = json.dumps(drawn.draw(BODIES[media_type])).encode()

    with contextlib.suppress(PatchError):
        patch, _twice = read_patch(media_type, body)
        once = patch.apply(copy.deepcopy(tree), message)
        again = patch.apply(copy.deepcopy(tree), message)

        assert once == again
        with contextlib.suppress(DecodeError):
            plain(from_plain(message, once))
