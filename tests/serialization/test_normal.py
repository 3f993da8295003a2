"""The normal form of messages, and what counts as one object."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings

from serialization.api.core.v1_pb2 import (
    Container,
    Node,
    Pod,
    PodSecurityContext,
    PodSpec,
    ResourceRequirements,
    ServicePort,
)
from serialization.api.intstr_pb2 import IntOrString
from serialization.api.meta.v1_pb2 import ObjectMeta, Time
from serialization.normal import equal, normalize
from tests.serialization.strategies import messages


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Pod(metadata=ObjectMeta(generateName="")), Pod()),
        (Pod(metadata=ObjectMeta(generation=0, creationTimestamp=Time())), Pod()),
        (Pod(metadata=ObjectMeta(deletionTimestamp=Time())), Pod()),
        (Container(resources=ResourceRequirements()), Container()),
        (ServicePort(targetPort=IntOrString(type=0, intVal=0, strVal="")), ServicePort()),
        (
            ServicePort(targetPort=IntOrString(type=0, intVal=80, strVal="")),
            ServicePort(targetPort=IntOrString(intVal=80)),
        ),
        (
            Pod(spec=PodSpec(containers=[Container(name="")])),
            Pod(spec=PodSpec(containers=[Container()])),
        ),
    ],
    ids=range(7),
)
def test_zero_and_absent_are_one_object(left: Message, right: Message) -> None:
    assert left != right
    assert equal(left, right)
    assert normalize(left) == normalize(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Pod(), Node()),
        (Pod(spec=PodSpec(priority=0)), Pod(spec=PodSpec())),
        (Pod(spec=PodSpec(securityContext=PodSecurityContext())), Pod(spec=PodSpec())),
        (Pod(spec=PodSpec(containers=[Container()])), Pod()),
        (Pod(metadata=ObjectMeta(labels={"a": ""})), Pod()),
        (ServicePort(targetPort=IntOrString(type=1)), ServicePort()),
    ],
    ids=range(6),
)
def test_pointers_and_elements_keep_their_presence(left: Message, right: Message) -> None:
    assert not equal(left, right)


def test_equal_changes_neither() -> None:
    left = Pod(metadata=ObjectMeta(generateName=""))

    assert equal(left, Pod())
    assert left.metadata.HasField("generateName")


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=50)
@given(messages(Pod))
def test_normal_form_is_stable(message: Message) -> None:
    once = normalize(message)
    copy = type(once)()
    copy.CopyFrom(once)

    assert normalize(copy) == once
