"""The wire by hand agrees with the library."""

from __future__ import annotations

from typing import cast

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError as WireError
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.api.core.v1_pb2 import Pod, PodSpec
from serialization.api.meta.v1_pb2 import MicroTime, ObjectMeta
from serialization.errors import DecodeError
from serialization.wire import Field, delimited, find_fault, read_field, read_varint, varint
from tests.serialization.golden import OBJECTS


@settings(derandomize=True)
@given(st.integers(0, 2**63 - 1))
def test_varint_is_the_librarys(value: int) -> None:
    written = MicroTime(seconds=value).SerializeToString()

    assert written == b"\x08" + varint(value)
    assert read_varint(written, 1) == (value, len(written))


def test_field_is_read_back() -> None:
    data = delimited(0x0A, b"abc") + b"\x10\x96\x01"

    first, at = read_field(data, 0)
    second, end = read_field(data, at)

    assert first == Field(1, 2, b"abc")
    assert second == Field(2, 0, 150)
    assert end == len(data)


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x0a", b"\x0a\x01", b"\x0b", b"\x00", b"\x09\x01"]
)
def test_torn_field_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_field(data, 0)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.data())
def test_fault_is_found_wherever_the_library_refuses(data: st.DataObject) -> None:
    metadata = ObjectMeta(name="a", labels={"k": "v"})
    whole = Pod(metadata=metadata, spec=PodSpec(nodeName="n"))
    damaged = bytearray(whole.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))

    fault = find_fault(Pod.DESCRIPTOR, bytes(damaged))

    try:
        Pod.FromString(bytes(damaged))
        refused = False
    except WireError:
        refused = True
    assert fault is not None or not refused


def test_real_objects_have_no_fault() -> None:
    for golden in OBJECTS:
        message = golden.resource.message
        envelope = golden.text("response.pb")[4:]
        field, at = read_field(envelope, 0)
        raw, _ = read_field(envelope, at)
        assert field.number == 1
        assert isinstance(raw.value, bytes)
        assert find_fault(cast("Descriptor", message.DESCRIPTOR), raw.value) is None
