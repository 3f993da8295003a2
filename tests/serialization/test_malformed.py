"""Malformed input of every sort is one error, DecodeError, with the path of the field."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.api.apps.v1_pb2 import Deployment
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core.v1_pb2 import ConfigMap, Event, Node, Pod, Secret, Service
from serialization.codecs.interface import UnknownFields
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError
from tests.serialization.golden import OBJECTS, GoldenObject

JSON_CODECS = ("json", "orjson")
QUANTITY_RULE = "quantities must match the regular expression"

# (message, JSON, path, part of the reason). The reasons are those of the recorded errors.
JSON_CASES: tuple[tuple[type[Message], bytes, str, str], ...] = (
    (Pod, b"", "", "json parse error"),
    (Pod, b"   ", "", "json parse error"),
    (Pod, b"{", "", "json parse error"),
    (Pod, b'{"metadata":{"name":"a"}', "", "json parse error"),
    (Pod, b'{"metadata":{"name":"a"}} x', "", "json parse error"),
    (Pod, b'{"metadata":{"name":"a"}}{}', "", "json parse error"),
    (Pod, b"{'a':1}", "", "json parse error"),
    (Pod, b'{"spec":{"priority":01}}', "", "json parse error"),
    (Pod, b'{"spec":{"priority":NaN}}', "", "NaN is no JSON"),
    (Pod, b'{"foo":NaN}', "", "NaN is no JSON"),
    (Pod, b'{"spec":{"priority":-Infinity}}', "", "-Infinity is no JSON"),
    (Pod, b"kind: Pod", "", "json parse error"),
    (Pod, b"[]", "", "cannot unmarshal array into a field of type Pod"),
    (Pod, b'"x"', "", "cannot unmarshal string into a field of type Pod"),
    (Pod, b"null", "", "cannot unmarshal null into a field of type Pod"),
    (Pod, b"7", "", "cannot unmarshal number into a field of type Pod"),
    (Pod, b'{"metadata":{"name":"\xff"}}', "", "no UTF-8"),
    (Pod, b'{"foo":"\xff"}', "", "no UTF-8"),
    (Pod, b'\xef\xbb\xbf{"metadata":{}}', "", "json parse error"),
    (Pod, '{"metadata":{}}'.encode("utf-16"), "", "no UTF-8"),
    (Pod, b'{"metadata":{"name":"\\ud800"}}', "metadata.name", "lone surrogate"),
    (Pod, b'{"metadata":{"labels":{"\\udfff":"a"}}}', "metadata.labels", "lone surrogate"),
    (Pod, b'{"metadata":{"name":"a\nb"}}', "", "json parse error"),
    (Pod, b'{"kind":7}', "kind", "cannot unmarshal number into a field of type string"),
    (Pod, b'{"metadata":"x"}', "metadata", "string into a field of type ObjectMeta"),
    (Pod, b'{"metadata":{"labels":{"a":1}}}', "metadata.labels.a", "number into a field of type"),
    (Pod, b'{"metadata":{"labels":[]}}', "metadata.labels", "array into a field of type map"),
    (
        Pod,
        b'{"metadata":{"finalizers":"x"}}',
        "metadata.finalizers",
        "string into a field of type []",
    ),
    (Pod, b'{"metadata":{"finalizers":["a",{}]}}', "metadata.finalizers[1]", "object into a field"),
    (
        Pod,
        b'{"spec":{"containers":{"name":"c"}}}',
        "spec.containers",
        "object into a field of type []",
    ),
    (
        Pod,
        b'{"spec":{"containers":["c"]}}',
        "spec.containers[0]",
        "string into a field of type Container",
    ),
    (
        Pod,
        b'{"spec":{"hostNetwork":"true"}}',
        "spec.hostNetwork",
        "string into a field of type bool",
    ),
    (Pod, b'{"spec":{"hostNetwork":1}}', "spec.hostNetwork", "number into a field of type bool"),
    (
        Pod,
        b'{"spec":{"containers":[{"ports":[{"containerPort":80},{"containerPort":"80"}]}]}}',
        "spec.containers[0].ports[1].containerPort",
        "cannot unmarshal string into a field of type int32",
    ),
    (Pod, b'{"spec":{"priority":true}}', "spec.priority", "bool into a field of type int32"),
    (
        Deployment,
        b'{"spec":{"replicas":1.5}}',
        "spec.replicas",
        "number 1.5 into a field of type int32",
    ),
    (
        Deployment,
        b'{"spec":{"replicas":2.0}}',
        "spec.replicas",
        "number 2.0 into a field of type int32",
    ),
    (
        Deployment,
        b'{"spec":{"replicas":1e2}}',
        "spec.replicas",
        "number 1e2 into a field of type int32",
    ),
    (Deployment, b'{"spec":{"replicas":3000000000}}', "spec.replicas", "number 3000000000 into"),
    (Pod, b'{"metadata":{"generation":9223372036854775808}}', "metadata.generation", "int64"),
    (Pod, b'{"metadata":{"generation":%b}}' % (b"9" * 400), "metadata.generation", "int64"),
    (Pod, b'{"metadata":{"generation":%b}}' % (b"9" * 5000), "", "json parse error"),
    (Pod, b'{"metadata":{"generation":1e999}}', "metadata.generation", "number 1e999"),
    (Secret, b'{"data":{"a":"***"}}', "data.a", "illegal base64 data"),
    (Secret, b'{"data":{"a":"YQ"}}', "data.a", "illegal base64 data"),
    (Secret, b'{"data":{"a":"Y=Q="}}', "data.a", "illegal base64 data"),
    (Secret, b'{"data":{"a":"\xc3\xbc==="}}', "data.a", "illegal base64 data"),
    (Secret, b'{"data":{"a":7}}', "data.a", "number into a field of type []byte"),
    (Event, b'{"firstTimestamp":"yesterday"}', "firstTimestamp", 'parsing time "yesterday"'),
    (Event, b'{"firstTimestamp":"2024-02-30T00:00:00Z"}', "firstTimestamp", "parsing time"),
    (Event, b'{"firstTimestamp":"2024-01-02 03:04:05Z"}', "firstTimestamp", "parsing time"),
    (Event, b'{"firstTimestamp":"2024-W01-1T03:04:05Z"}', "firstTimestamp", "parsing time"),
    (Event, b'{"firstTimestamp":"2024-01-02T03:04:05"}', "firstTimestamp", "parsing time"),
    (Event, b'{"firstTimestamp":""}', "firstTimestamp", "parsing time"),
    (Event, b'{"firstTimestamp":1704164645}', "firstTimestamp", "number into a field of type Time"),
    (Lease, b'{"spec":{"renewTime":"2024-01-02T03:04:05.5Z"}}', "spec.renewTime", "parsing time"),
    (Lease, b'{"spec":{"renewTime":"2024-01-02T03:04:05Z"}}', "spec.renewTime", "parsing time"),
    (Node, b'{"status":{"capacity":{"cpu":"1 Gi"}}}', "status.capacity.cpu", QUANTITY_RULE),
    (Node, b'{"status":{"capacity":{"cpu":""}}}', "status.capacity.cpu", QUANTITY_RULE),
    (Node, b'{"status":{"capacity":{"cpu":"1.5.5"}}}', "status.capacity.cpu", QUANTITY_RULE),
    (Node, b'{"status":{"capacity":{"cpu":true}}}', "status.capacity.cpu", QUANTITY_RULE),
    (Node, b'{"status":{"capacity":{"cpu":{}}}}', "status.capacity.cpu", QUANTITY_RULE),
    (
        Node,
        b'{"status":{"capacity":{"cpu":"--1"}}}',
        "status.capacity.cpu",
        "parse quantity's suffix",
    ),
    (
        Node,
        b'{"status":{"capacity":{"cpu":"1Mi1"}}}',
        "status.capacity.cpu",
        "parse quantity's suffix",
    ),
    (Node, b'{"status":{"capacity":{"cpu":"1e99999999"}}}', "status.capacity.cpu", "quantity"),
    (
        Service,
        b'{"spec":{"ports":[{"targetPort":true}]}}',
        "spec.ports[0].targetPort",
        "cannot unmarshal bool into a field of type int32",
    ),
    (
        Service,
        b'{"spec":{"ports":[{"targetPort":2147483648}]}}',
        "spec.ports[0].targetPort",
        "int32",
    ),
    (Service, b'{"spec":{"ports":[{"targetPort":1.5}]}}', "spec.ports[0].targetPort", "int32"),
    # Within inlined messages, which have no path of their own.
    (
        Pod,
        b'{"spec":{"volumes":[{"emptyDir":{"sizeLimit":"x"}}]}}',
        "spec.volumes[0].emptyDir.sizeLimit",
        QUANTITY_RULE,
    ),
    (
        Pod,
        b'{"spec":{"volumes":[{"emptyDir":7}]}}',
        "spec.volumes[0].emptyDir",
        "EmptyDirVolumeSource",
    ),
    (
        Pod,
        b'{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":{}}}}]}}',
        "spec.containers[0].livenessProbe.httpGet.port",
        "object into a field of type int32",
    ),
)


@pytest.mark.parametrize("codec", JSON_CODECS)
@pytest.mark.parametrize("unknown", UnknownFields)
@pytest.mark.parametrize("case", JSON_CASES, ids=lambda case: case[1][:60].decode("latin-1"))
def test_malformed_json_names_the_field(
    codec: str, unknown: UnknownFields, case: tuple[type[Message], bytes, str, str]
) -> None:
    message, text, path, reason = case

    with pytest.raises(DecodeError) as refused:
        CODECS[codec].decode_bare(message, text, unknown, [])

    assert refused.value.path == path
    assert reason in refused.value.reason


@pytest.mark.parametrize("codec", JSON_CODECS)
@pytest.mark.parametrize("opening", [b'{"a":', b"[", b'{"metadata":{"managedFields":[{"fieldsV1":'])
def test_json_that_is_nested_too_deep_is_refused(codec: str, opening: bytes) -> None:
    with pytest.raises(DecodeError):
        CODECS[codec].decode_bare(Pod, opening * 100_000)


def test_deep_raw_json_does_not_break_the_decoder() -> None:
    deep = b"[" * 5000 + b"]" * 5000
    text = b'{"metadata":{"managedFields":[{"fieldsV1":%b}]}}' % deep

    for codec in JSON_CODECS:
        with pytest.raises(DecodeError, match="nested too deep"):
            CODECS[codec].decode_bare(Pod, text)


def field(number: int, wire_type: int, value: bytes) -> bytes:
    tag = number << 3 | wire_type
    assert tag < 0x80
    return bytes((tag, len(value))) + value if wire_type == 2 else bytes((tag,)) + value


def named(*names: bytes) -> bytes:
    return field(1, 2, b"".join(field(1, 2, name) for name in names))


PROTOBUF_CASES: tuple[tuple[type[Message], bytes, str, str], ...] = (
    (Pod, b"\x0a", "", "a torn number"),
    (Pod, b"\x0a\x05abc", "", "field 1 needs 5 bytes, 3 are there"),
    (Pod, field(1, 2, b"\x0a\x05abc"), "metadata", "field 1 needs 5 bytes, 3 are there"),
    (Pod, field(1, 2, b"\x0a\x02\xff\xfe"), "metadata.name", "no UTF-8"),
    (
        Pod,
        field(2, 2, field(2, 2, b"") + field(2, 2, b"\x0a\x09c")),
        "spec.containers[1]",
        "needs 9",
    ),
    (
        Pod,
        field(2, 2, field(2, 2, b"\x32\x04\x18" + b"\xff" * 3)),
        "spec.containers[0].ports[0]",
        "a torn number",
    ),
    (Pod, b"\x00\x01", "", "no field has the number 0"),
    (Pod, b"\x0e", "", "wire type 6"),
    (Pod, b"\x0f", "", "wire type 7"),
    (Pod, b"\xff" * 11, "", "a number above 64 bits"),
    (ConfigMap, field(2, 2, field(1, 2, b"k") + b"\x12\x02\xff\xff"), "data.value", "no UTF-8"),
)


@pytest.mark.parametrize("case", PROTOBUF_CASES, ids=lambda case: case[1][:20].hex())
def test_torn_protobuf_names_the_field(case: tuple[type[Message], bytes, str, str]) -> None:
    message, data, path, reason = case

    with pytest.raises(DecodeError) as refused:
        CODECS["protobuf"].decode_bare(message, data)

    assert refused.value.path == path
    assert reason in refused.value.reason


def test_protobuf_of_a_wrong_wire_type_is_kept_and_refused_where_strict() -> None:
    codec = CODECS["protobuf"]
    data = field(1, 2, b"\x08\x07")  # metadata.name as a number

    kept = codec.decode_bare(Pod, data)

    assert not kept.metadata.HasField("name")
    assert codec.encode_bare(kept) == data
    with pytest.raises(DecodeError) as refused:
        codec.decode_bare(Pod, data, UnknownFields.STRICT)
    assert refused.value.path == "metadata.name"


@pytest.mark.parametrize(
    "document", [b"", b"k8s", b"k8t\x00", b"{}", b"k8s\x00\x0a", b"k8s\x00\x12\x05ab"]
)
def test_protobuf_envelope_that_is_none_is_refused(document: bytes) -> None:
    with pytest.raises(DecodeError):
        CODECS["protobuf"].unwrap(document)


@pytest.mark.parametrize("codec", JSON_CODECS)
@pytest.mark.parametrize(
    "document", [b"", b"[]", b'"x"', b'{"apiVersion":"v1",', b'{"kind":7}', b"{} x", b"\xff"]
)
def test_json_document_that_is_none_is_refused(codec: str, document: bytes) -> None:
    with pytest.raises(DecodeError):
        CODECS[codec].unwrap(document)


NO_TYPE = (
    "json: cannot unmarshal {} into Go value of type struct {{ APIVersion string "
    '"json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }}'
)


@pytest.mark.parametrize("codec", JSON_CODECS)
@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"apiVersion":"v1",', "unexpected end of JSON input"),
        (b'{"apiVersion":"v1"', "unexpected end of JSON input"),
        (b'{"metadata":{"name":"q"} trailing', "invalid character 't' after object key:value pair"),
        (b'{"a":["]",1 x', "invalid character 'x' after array element"),
        (b'{"data": {"a": "1"}} {"x":1}', "invalid character '{' after top-level value"),
        (b"apiVersion: v1\n", "invalid character 'a' looking for beginning of value"),
        (b"[]", NO_TYPE.format("array")),
        (b'"x"', NO_TYPE.format("string")),
    ],
)
def test_document_without_a_type_is_refused_in_kubernetes_words(
    codec: str, document: bytes, reason: str
) -> None:
    with pytest.raises(DecodeError) as refused:
        CODECS[codec].unwrap(document)

    assert str(refused.value) == f"couldn't get version/kind; json parse error: {reason}"


@pytest.mark.parametrize("codec", JSON_CODECS)
@pytest.mark.parametrize(
    "document", [b"", b"[]", b'{"items":{}}', b'{"metadata":7}', b'{"items":[{]}', b'{"items":[}']
)
def test_json_list_that_is_none_is_refused(codec: str, document: bytes) -> None:
    with pytest.raises(DecodeError):
        CODECS[codec].split_list(document)


@pytest.mark.parametrize("raw", [b"\x12\x05ab", b"\x0a\x02\x0a\x07", b"\x0a", b"\x13"])
def test_protobuf_list_that_is_torn_is_refused(raw: bytes) -> None:
    codec = CODECS["protobuf"]
    document = b"k8s\x00\x12" + bytes((len(raw),)) + raw

    with pytest.raises(DecodeError):
        codec.split_list(document)


@pytest.mark.parametrize("codec", JSON_CODECS)
@pytest.mark.parametrize(
    "line", [b"x\n", b"[]\n", b'{"type":7,"object":{}}\n', b'{"type":"ADDED"}\n', b'{"type":\n']
)
def test_json_line_that_is_no_event_is_refused(codec: str, line: bytes) -> None:
    with pytest.raises(DecodeError):
        CODECS[codec].frame_reader().feed(line)


def test_protobuf_frame_that_is_no_event_is_refused() -> None:
    with pytest.raises(DecodeError):
        CODECS["protobuf"].frame_reader().feed(b"\x00\x00\x00\x02\x0a\x09")


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_damaged_objects_are_decoded_or_refused_and_nothing_else(codec: str) -> None:
    """Bytes of real objects, cut and overwritten at random."""
    suffix = "response.pb" if codec == "protobuf" else "response.json"
    outcomes: set[str] = set()

    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.sampled_from(OBJECTS), st.data())
    def check(golden: GoldenObject, data: st.DataObject) -> None:
        damaged = bytearray(golden.text(suffix))
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
            if not damaged:
                break
        try:
            _, bare = CODECS[codec].unwrap(bytes(damaged))
            CODECS[codec].decode_bare(golden.resource.message, bare)
            outcomes.add("decoded")
        except DecodeError:
            outcomes.add("refused")

    check()
    assert outcomes == {"decoded", "refused"}


@pytest.mark.parametrize("name", ["json", "orjson"])
def test_null_within_a_list_is_the_zero_value(name: str) -> None:
    text = (
        b'{"metadata":{"finalizers":["a",null]},"spec":{"containers":[null],'
        b'"securityContext":{"supplementalGroups":[null,1]}}}'
    )

    pod = CODECS[name].decode_bare(Pod, text)

    assert list(pod.metadata.finalizers) == ["a", ""]
    assert list(pod.spec.securityContext.supplementalGroups) == [0, 1]
    assert len(pod.spec.containers) == 1
