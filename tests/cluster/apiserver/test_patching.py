"""The short way of patching equals the plain way, and is taken."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.apiserver.verbs.patching import by_parts, plainly
from serialization.api.core.v1_pb2 import Node, Pod, ReplicationController
from serialization.codecs.interface import TypeMeta, UnknownFields
from serialization.normal import equal
from serialization.patch.errors import PatchError
from serialization.patch.forms import MergePatch, StrategicPatch
from serialization.plain import from_plain
from tests.serialization.strategies import descriptor_of, json_trees, messages

FORMS: Final = (MergePatch, StrategicPatch)


def _part_of(message: type[Message], name: str) -> type[Message]:
    return type(getattr(message(), name))


@st.composite
def patched_objects(draw: st.DrawFn, message: type[Message]) -> tuple[Message, dict[str, object]]:
    """Return a random object that has status and metadata, and members of a patch for it."""
    old = draw(messages(message))
    members: dict[str, object] = {}
    chosen = draw(st.sampled_from((("metadata",), ("status",), ("metadata", "status"))))
    for name in ("metadata", "status"):
        part = _part_of(message, name)
        getattr(old, name).CopyFrom(draw(messages(part)))
        if name in chosen:
            members[name] = draw(json_trees(descriptor_of(part)))
    return old, members


@pytest.mark.slow
@pytest.mark.parametrize("message", [Pod, Node, ReplicationController])
def test_short_way_and_plain_way_make_the_same_message(message: type[Message]) -> None:
    taken = {form: Counter[str]() for form in FORMS}

    @settings(max_examples=150, deadline=None)
    @given(drawn=patched_objects(message))
    def check(drawn: tuple[Message, dict[str, object]]) -> None:
        old, members = drawn
        for form, counted in taken.items():
            counted[way_of(form(members), old)] += 1

    check()

    assert all(counted["short"] > 10 for counted in taken.values()), taken


def way_of(patch: MergePatch | StrategicPatch, old: Message) -> str:
    """Hold the short way against the plain way; return which of them the patch takes."""
    kind = TypeMeta("v1", old.DESCRIPTOR.name)
    try:
        short = by_parts(patch, old)
    except PatchError as error:
        with pytest.raises(type(error)):
            plainly(patch, old, kind)
        return "refused"
    if short is None:
        return "plain"
    warnings: list[str] = []
    whole = from_plain(type(old), plainly(patch, old, kind), UnknownFields.WARN, warnings)
    assert equal(short, whole)
    assert warnings == []
    return "short"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"spec": {}},
        {"status": None},
        {"status": "x"},
        {"status": {"noSuchField": 1}},
        {"status": {"phase": 7}},
        {"status": {"kind": "Pod"}},
        {"metadata": {"apiVersion": "v1"}},
        {"status": {"phase": "Running"}, "$patch": "replace"},
    ],
)
def test_what_is_odd_goes_the_plain_way(members: dict[str, object]) -> None:
    pod = Pod()
    pod.metadata.name = "a"
    pod.status.phase = "Pending"

    assert by_parts(StrategicPatch(members), pod) is None
    assert by_parts(StrategicPatch({"status": {"phase": "Running"}}), pod) is not None


def test_object_without_a_status_goes_the_plain_way() -> None:
    pod = Pod()
    pod.metadata.name = "a"

    assert by_parts(MergePatch({"status": {"phase": "Running"}}), pod) is None


def test_patched_message_is_a_copy() -> None:
    pod = Pod()
    pod.metadata.name = "a"
    pod.metadata.labels["x"] = "1"

    patched = by_parts(MergePatch({"metadata": {"labels": {"x": "2"}}}), pod)

    assert isinstance(patched, Pod)
    assert (pod.metadata.labels["x"], patched.metadata.labels["x"]) == ("1", "2")
