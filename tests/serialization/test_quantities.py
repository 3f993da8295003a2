"""Quantities that came as protobuf are judged and settled as JSON's are."""

from __future__ import annotations

import pytest

from serialization.api.core.v1_pb2 import Container, Node, Pod
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError
from serialization.normal import equal
from serialization.quantities import settle_quantities
from tests.serialization.golden import OBJECTS


def test_settle_quantities_puts_them_into_canonical_form() -> None:
    node = Node()
    node.status.capacity["cpu"].string = "1000"
    node.status.capacity["memory"].string = "1.5Ki"

    settle_quantities(node)

    assert node.status.capacity["cpu"].string == "1k"
    assert node.status.capacity["memory"].string == "1536"


@pytest.mark.parametrize("text", ["a lot", "1 Gi", "--1", "1e"])
def test_settle_quantities_names_the_path_of_what_is_none(text: str) -> None:
    pod = Pod()
    container = Container(name="c")
    container.resources.requests["memory"].string = text
    pod.spec.containers.extend([Container(name="b"), container])

    with pytest.raises(DecodeError) as caught:
        settle_quantities(pod)

    assert caught.value.path == "spec.containers[1].resources.requests.memory"


def test_settle_quantities_finds_those_of_volumes_and_environments() -> None:
    pod = Pod()
    pod.spec.volumes.add(name="v").volumeSource.emptyDir.sizeLimit.string = "1024Mi"
    env = pod.spec.containers.add(name="c").env.add(name="LIMIT")
    env.valueFrom.resourceFieldRef.divisor.string = "1000m"

    settle_quantities(pod)

    assert pod.spec.volumes[0].volumeSource.emptyDir.sizeLimit.string == "1Gi"
    assert env.valueFrom.resourceFieldRef.divisor.string == "1"


def test_settle_quantities_leaves_what_a_real_server_answered_alone() -> None:
    codec = CODECS["protobuf"]
    for golden in OBJECTS:
        _, bare = codec.unwrap(golden.text("response.pb"))
        message = codec.decode_bare(golden.resource.message, bare)
        settle_quantities(message)
        assert equal(message, codec.decode_bare(golden.resource.message, bare)), golden.name


def test_settle_quantities_passes_over_a_field_that_is_settled() -> None:
    node = Node()
    node.status.capacity["cpu"].string = "1000"

    settle_quantities(node, settled="status")

    assert node.status.capacity["cpu"].string == "1000"
