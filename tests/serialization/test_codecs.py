"""What every codec must do, run over the registry: documents, lists, watch frames, purity."""

from __future__ import annotations

import json
import sys
from itertools import pairwise

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization import meta_kinds
from serialization.api.core.v1_pb2 import ConfigMap, Pod, PodSpec
from serialization.api.meta.v1_pb2 import (
    DeleteOptions,
    ObjectMeta,
    Preconditions,
    Status,
    StatusDetails,
)
from serialization.codecs.interface import Codec, Frame, ListHead, TypeMeta, UnknownFields
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError, EncodeError
from serialization.kinds import SCHEME
from serialization.normal import equal
from tests.serialization.golden import OBJECTS, GoldenObject

POD = TypeMeta("v1", "Pod")
POD_LIST = TypeMeta("v1", "PodList")
EVENT_TYPES = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR")

every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


def pods(count: int) -> list[Pod]:
    return [
        Pod(
            metadata=ObjectMeta(name=f"pod-{i}", labels={"ü": "漢字"}),
            spec=PodSpec(nodeName=f"n{i}"),
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("name", CODECS)
def test_codec_has_its_name_and_media_types(name: str) -> None:
    codec = CODECS[name]

    assert codec.name == name
    kind = "protobuf" if name == "protobuf" else "json"
    assert codec.media_type.endswith(kind)
    assert codec.stream_media_type == f"{codec.media_type};stream=watch"


@every_codec
@pytest.mark.parametrize("message", [Pod(), *pods(1), ConfigMap(data={"a": '"}{'})])
def test_document_unwraps_to_its_kind_and_object(codec: Codec, message: Message) -> None:
    kind = TypeMeta("some.group/v1", "Some.Kind")

    document = codec.encode(kind, message)

    assert document == codec.wrap(kind, codec.encode_bare(message))
    found, bare = codec.unwrap(document)
    assert found == kind
    assert bare == codec.encode_bare(message)
    assert equal(codec.decode_bare(type(message), bare), message)


@every_codec
def test_document_without_a_kind_has_an_empty_type(codec: Codec) -> None:
    document = b"{}" if "json" in codec.media_type else codec.wrap(TypeMeta("", ""), b"")

    assert codec.unwrap(document)[0] == TypeMeta("", "")


@pytest.mark.parametrize("name", ["json", "orjson"])
def test_json_kind_is_found_wherever_it_stands(name: str) -> None:
    text = b'{"metadata":{"kind":"X","name":"a"},\n "apiVersion" : "v1", "kind":"Pod"}'

    kind, bare = CODECS[name].unwrap(text)

    assert kind == POD
    assert CODECS[name].decode_bare(Pod, bare).metadata.name == "a"


@pytest.mark.parametrize("name", ["json", "orjson"])
@pytest.mark.parametrize(
    "bare",
    [
        b"{}",
        b'{"metadata":{}}',
        b'{"metadata":null,"spec":{}}',
        b'{"spec":{"nodeName":"a"}, "metadata":{"name":"b","resourceVersion":"7"}}',
        b' { "metadata" : { "name" : "b" } }',
        b'{"spec":{"nodeName":"\\"metadata\\":{","priority":7}}',
    ],
)
def test_json_of_others_takes_a_resource_version(name: str, bare: bytes) -> None:
    codec = CODECS[name]
    wanted = codec.decode_bare(Pod, bare)
    wanted.metadata.resourceVersion = "12"

    written = codec.with_resource_version(bare, "12")

    assert equal(codec.decode_bare(Pod, written, UnknownFields.STRICT), wanted)


@every_codec
def test_meta_kinds_pass_through(codec: Codec) -> None:
    status = Status(
        status="Failure", reason="Gone", code=410, details=StatusDetails(retryAfterSeconds=1)
    )
    options = DeleteOptions(gracePeriodSeconds=0, preconditions=Preconditions(uid="u"))

    for kind, message in ((meta_kinds.STATUS, status), (meta_kinds.DELETE_OPTIONS, options)):
        found, bare = codec.unwrap(codec.encode(kind, message))
        assert meta_kinds.META_MESSAGES[found] is type(message)
        assert equal(codec.decode_bare(type(message), bare), message)


@every_codec
@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 600])
def test_list_splits_into_the_items_that_were_joined(codec: Codec, count: int) -> None:
    items = [codec.encode_bare(pod) for pod in pods(count)]
    head = ListHead("123", "token==", 7)

    document = b"".join(codec.join_list(POD_LIST, head, items))

    assert codec.unwrap(document)[0] == POD_LIST
    found, bare = codec.split_list(document)
    assert found == head
    assert [codec.decode_bare(Pod, item) for item in bare] == [
        codec.decode_bare(Pod, item) for item in items
    ]


@every_codec
def test_list_is_a_document_of_the_list_message(codec: Codec) -> None:
    resource = SCHEME.by_kind("v1", "Pod")
    assert resource.list_message is not None
    items = [codec.encode_bare(pod) for pod in pods(3)]

    document = b"".join(codec.join_list(POD_LIST, ListHead("9"), items))

    message = codec.decode_bare(resource.list_message, codec.unwrap(document)[1])
    again = codec.encode(POD_LIST, message)
    assert codec.split_list(again)[0] == ListHead("9")
    assert [codec.decode_bare(Pod, item) for item in codec.split_list(again)[1]] == [
        codec.decode_bare(Pod, item) for item in items
    ]


@every_codec
def test_list_in_pieces_holds_up_no_loop(codec: Codec) -> None:
    items = [codec.encode_bare(pod) for pod in pods(2000)]

    pieces = list(codec.join_list(POD_LIST, ListHead("1"), items))

    assert len(pieces) >= 8
    assert max(map(len, pieces)) < sum(map(len, items)) / 4


@every_codec
def test_empty_list_head_stays_empty(codec: Codec) -> None:
    document = b"".join(codec.join_list(POD_LIST, ListHead(""), []))

    assert codec.split_list(document) == (ListHead(""), [])


@every_codec
def test_reader_finds_the_events_whatever_the_pieces(codec: Codec) -> None:
    documents = [codec.encode(POD, pod) for pod in pods(5)]
    events = [Frame(*pair) for pair in zip(EVENT_TYPES, documents, strict=True)]
    stream = b"".join(codec.frame(*event) for event in events)

    @settings(derandomize=True, deadline=None, max_examples=50)
    @given(st.lists(st.integers(0, len(stream)), max_size=12))
    def check(cuts: list[int]) -> None:
        places = [0, *sorted(cuts), len(stream)]
        reader = codec.frame_reader()
        found: list[Frame] = []
        for begin, end in pairwise(places):
            found += reader.feed(stream[begin:end])
        assert found == events

    check()
    reader = codec.frame_reader()
    assert [f for i in range(len(stream)) for f in reader.feed(stream[i : i + 1])] == events


@every_codec
def test_reader_keeps_pieces_of_a_large_event_without_reading_them_again(codec: Codec) -> None:
    document = codec.encode(TypeMeta("v1", "ConfigMap"), ConfigMap(data={"a": "x" * 4_000_000}))
    stream = codec.frame("ADDED", document)
    reader = codec.frame_reader()

    pieces = (stream[at : at + 4096] for at in range(0, len(stream), 4096))
    found = [frame for piece in pieces for frame in reader.feed(piece)]

    assert found == [Frame("ADDED", document)]


@every_codec
def test_reader_refuses_an_event_above_the_limit(codec: Codec) -> None:
    reader = codec.frame_reader()
    begin = b'{"type":"ADDED","object":"' if "json" in codec.media_type else b"\x7f\xff\xff\xff"

    def feed() -> None:
        reader.feed(begin)
        for _ in range(65):
            reader.feed(b"x" * 1024 * 1024)

    with pytest.raises(DecodeError, match="above 67108864 bytes"):
        feed()


@every_codec
@pytest.mark.parametrize("golden", OBJECTS[::9], ids=lambda g: g.name)
def test_encoding_is_deterministic_and_changes_nothing(codec: Codec, golden: GoldenObject) -> None:
    json_codec = CODECS["json"]
    message = json_codec.decode_bare(golden.resource.message, golden.text("response.json"))
    before = message.SerializeToString(deterministic=True)
    shuffled = type(message)()
    shuffled.CopyFrom(message)
    _refill_labels(shuffled)

    first, second = codec.encode_bare(message), codec.encode_bare(shuffled)

    assert first == second
    assert message.SerializeToString(deterministic=True) == before


def _refill_labels(message: Message) -> None:
    labels = message.metadata.labels  # type: ignore[attr-defined]  # every kind has them
    pairs = dict(labels)
    labels.clear()
    for key in sorted(pairs, reverse=True):
        labels[key] = pairs[key]


@every_codec
def test_encoded_bytes_hold_no_spare_memory(codec: Codec) -> None:
    bare = codec.encode_bare(pods(1)[0])

    assert type(bare) is bytes
    assert sys.getsizeof(bare) == len(bare) + sys.getsizeof(b"")


@pytest.mark.parametrize("name", ["json", "orjson"])
@pytest.mark.parametrize(
    "raw", [b"no JSON", b'{"a":NaN}', b"1e999", b"\xff", b"[" * 100_000], ids=range(5)
)
def test_raw_bytes_that_are_no_json_cannot_be_encoded(name: str, raw: bytes) -> None:
    message = Pod()
    message.metadata.managedFields.add().fieldsV1.Raw = raw

    with pytest.raises(EncodeError):
        CODECS[name].encode_bare(message)


@every_codec
def test_integers_above_64_bits_in_raw_json_survive(codec: Codec) -> None:
    message = Pod()
    message.metadata.managedFields.add().fieldsV1.Raw = b'{"a":%d}' % 2**100

    assert equal(codec.decode_bare(Pod, codec.encode_bare(message)), message)


@pytest.mark.parametrize("name", ["json", "orjson"])
def test_json_of_a_watch_event_is_one_line(name: str) -> None:
    message = ConfigMap(data={"a": "x\ny\u2028"})
    message.metadata.managedFields.add().fieldsV1.Raw = b'{\n "a": 1\n}'

    line = CODECS[name].frame("ADDED", CODECS[name].encode(TypeMeta("v1", "ConfigMap"), message))

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line)["object"]["data"] == {"a": "x\ny\u2028"}


def test_protobuf_keeps_fields_of_later_versions() -> None:
    codec = CODECS["protobuf"]
    later = b"\xfa\x3e\x03new"  # field 1007, unknown here

    message = codec.decode_bare(Pod, later, UnknownFields.STRICT)

    assert codec.encode_bare(message) == later
