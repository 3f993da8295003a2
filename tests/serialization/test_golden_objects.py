"""Real objects: one object in every encoding, and nothing lost when they are encoded again."""

from __future__ import annotations

import json

import pytest
from google.protobuf.message import Message

from serialization.codecs.interface import UnknownFields
from serialization.codecs.registry import CODECS
from serialization.kinds import SCHEME
from serialization.normal import equal
from serialization.plain import from_plain, plain
from tests.serialization.golden import (
    DEFAULTED_ON_READ,
    MAP_ORDER_DIFFERS,
    OBJECTS,
    STORED_AS_ANOTHER_VERSION,
    GoldenObject,
)

JSON_CODECS = ("json", "orjson")
# Kubernetes escapes these in JSON; ours need not.
HTML_ESCAPES = {"\\u003c": "<", "\\u003e": ">", "\\u0026": "&", "\\u2028": "\u2028"}

every_object = pytest.mark.parametrize("golden", OBJECTS, ids=lambda g: g.name)


def decoded(golden: GoldenObject, codec: str, suffix: str) -> Message:
    kind, bare = CODECS[codec].unwrap(golden.text(suffix))
    assert kind == golden.kind
    return CODECS[codec].decode_bare(golden.resource.message, bare)


def test_objects_are_those_recorded() -> None:
    kinds = {golden.kind for golden in OBJECTS}

    assert len(OBJECTS) == 76
    assert len(kinds) == 31
    assert len({(r.api_version, r.kind) for r in SCHEME} - kinds) == 1  # Binding is only posted


@every_object
def test_answer_is_the_same_object_in_every_encoding(golden: GoldenObject) -> None:
    by_json, by_orjson = (decoded(golden, name, "response.json") for name in JSON_CODECS)
    by_protobuf = decoded(golden, "protobuf", "response.pb")

    assert by_json == by_orjson
    assert equal(by_json, by_protobuf)


@every_object
def test_answer_in_json_comes_back_byte_for_byte(golden: GoldenObject) -> None:
    text = golden.text("response.json").decode().rstrip("\n")
    for escape, char in HTML_ESCAPES.items():
        text = text.replace(escape, char)
    sources = [(name, "response.json") for name in JSON_CODECS] + [("protobuf", "response.pb")]

    for codec, suffix in sources:
        message = decoded(golden, codec, suffix)
        for name in JSON_CODECS:
            assert CODECS[name].encode(golden.kind, message).decode() == text


@every_object
def test_answer_in_protobuf_comes_back_byte_for_byte(golden: GoldenObject) -> None:
    codec = CODECS["protobuf"]
    recorded = golden.text("response.pb")

    again = codec.encode(golden.kind, decoded(golden, "protobuf", "response.pb"))

    assert len(again) == len(recorded)
    assert (again == recorded) is (golden.name not in MAP_ORDER_DIFFERS)
    _, bare = codec.unwrap(again)
    assert codec.decode_bare(golden.resource.message, bare) == decoded(
        golden, "protobuf", "response.pb"
    )


@every_object
def test_answer_has_no_field_that_is_unknown_here(golden: GoldenObject) -> None:
    for name in JSON_CODECS:
        warnings: list[str] = []
        CODECS[name].decode_bare(
            golden.resource.message, golden.text("response.json"), UnknownFields.STRICT, warnings
        )
        assert warnings == []
    _, bare = CODECS["protobuf"].unwrap(golden.text("response.pb"))
    message = CODECS["protobuf"].decode_bare(golden.resource.message, bare, UnknownFields.STRICT)
    kept = message.ByteSize()
    message.DiscardUnknownFields()
    assert message.ByteSize() == kept


@every_object
def test_stored_object_is_the_answered_one(golden: GoldenObject) -> None:
    codec = CODECS["protobuf"]
    recorded = golden.text("stored.bin")
    kind, bare = codec.unwrap(recorded)
    if golden.kind.kind in STORED_AS_ANOTHER_VERSION:
        assert kind == STORED_AS_ANOTHER_VERSION[golden.kind.kind]
        return
    stored = codec.decode_bare(golden.resource.message, bare)

    again = codec.encode(kind, stored)

    assert kind == golden.kind
    assert (again == recorded) is (golden.name not in MAP_ORDER_DIFFERS)
    answered = decoded(golden, "protobuf", "response.pb")
    version = answered.metadata.resourceVersion  # type: ignore[attr-defined]  # every kind's
    read = codec.decode_bare(golden.resource.message, codec.with_resource_version(bare, version))
    assert equal(read, answered) is (golden.name not in DEFAULTED_ON_READ)


@every_object
def test_request_is_the_same_object_for_every_json_codec(golden: GoldenObject) -> None:
    for suffix in ("request.json", "status.request.json"):
        if not golden.has(suffix):
            continue
        text = golden.text(suffix)
        made = [
            CODECS[name].decode_bare(golden.resource.message, CODECS[name].unwrap(text)[1])
            for name in JSON_CODECS
        ]
        tree = json.loads(text)
        assert made[0] == made[1]
        assert plain(made[0]) == plain(from_plain(golden.resource.message, tree))


def test_quantities_come_back_as_the_recorded_ones() -> None:
    golden = next(one for one in OBJECTS if one.name == "Pod-4")
    sent = decoded(golden, "json", "request.json")

    volumes = plain(sent)["spec"]["volumes"]

    assert volumes == golden.answer["spec"]["volumes"]
    assert len(volumes) == 59
