"""Identities that hold for every kind: message to bytes and back, JSON to message and back."""

from __future__ import annotations

import json

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.codecs.interface import UnknownFields
from serialization.codecs.registry import CODECS
from serialization.kinds import SCHEME
from serialization.normal import equal, normalize
from serialization.plain import from_plain, plain
from serialization.scheme import Resource
from tests.serialization.normal_form import normal_form
from tests.serialization.samples import sample
from tests.serialization.strategies import (
    ALL_MESSAGES,
    compact,
    descriptor_of,
    json_trees,
    keywords,
    messages,
)

KINDS = tuple(SCHEME)
JSON_CODECS = ("json", "orjson")
fixed = settings(derandomize=True, deadline=None, max_examples=25)


@pytest.mark.slow
@pytest.mark.parametrize("resource", KINDS, ids=lambda r: r.kind)
def test_message_through_bytes_is_the_same_message(resource: Resource) -> None:
    @fixed
    @given(messages(resource.message))
    def check(message: Message) -> None:
        raw = message.SerializeToString(deterministic=True)
        assert CODECS["protobuf"].decode_bare(resource.message, raw) == message
        assert CODECS["protobuf"].encode_bare(message) == raw

        normal = normalize(type(message).FromString(raw))
        for codec in CODECS.values():
            for one in (message, normal):
                again = codec.decode_bare(resource.message, codec.encode_bare(one))
                assert normalize(again) == normal

    check()


@pytest.mark.slow
@pytest.mark.parametrize("resource", KINDS, ids=lambda r: r.kind)
def test_json_through_message_is_its_normal_form(resource: Resource) -> None:
    descriptor = descriptor_of(resource.message)

    @fixed
    @given(json_trees(descriptor))
    def check(tree: dict[str, object]) -> None:
        sent = compact(tree)
        wanted = normal_form(tree, descriptor)
        for name in JSON_CODECS:
            codec = CODECS[name]
            once = codec.encode_bare(codec.decode_bare(resource.message, sent))
            assert compact(json.loads(once)) == compact(wanted)  # the order of keys counts
            twice = codec.encode_bare(codec.decode_bare(resource.message, once))
            assert twice == once

    check()


@pytest.mark.slow
@pytest.mark.parametrize("resource", KINDS, ids=lambda r: r.kind)
def test_json_is_one_message_for_every_way_of_decoding(resource: Resource) -> None:
    @fixed
    @given(json_trees(descriptor_of(resource.message)), st.booleans())
    def check(tree: dict[str, object], indented: bool) -> None:
        sent = json.dumps(tree, indent=1).encode() if indented else compact(tree)
        made = from_plain(resource.message, tree)
        heard: list[list[str]] = [[]]
        from_plain(resource.message, tree, UnknownFields.WARN, heard[0])
        for name in JSON_CODECS:
            assert CODECS[name].decode_bare(resource.message, sent) == made
            warnings: list[str] = []
            warned = CODECS[name].decode_bare(resource.message, sent, UnknownFields.WARN, warnings)
            assert warned == made
            heard.append(warnings)
        assert heard[0] == heard[1] == heard[2]

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", CODECS)
def test_with_resource_version_equals_decode_set_encode(name: str) -> None:
    codec = CODECS[name]
    versions = st.sampled_from(("1", "97", "123456", str(2**63 - 1)))

    @settings(derandomize=True, deadline=None, max_examples=250)
    @given(st.sampled_from(KINDS), st.data(), versions)
    def check(resource: Resource, data: st.DataObject, version: str) -> None:
        fields = data.draw(keywords(descriptor_of(resource.message)))
        message = resource.message(**fields)
        metadata = message.metadata  # type: ignore[attr-defined]  # every kind has it
        if data.draw(st.booleans()):
            metadata.name = "n" * data.draw(st.sampled_from((1, 100, 200, 20_000)))
        metadata.ClearField("resourceVersion")
        bare = codec.encode_bare(message)

        written = codec.with_resource_version(bare, version)

        metadata.resourceVersion = version
        assert equal(codec.decode_bare(resource.message, written), message)
        assert len(written) <= len(codec.encode_bare(message)) + 2

    check()


@pytest.mark.slow
def test_every_field_of_every_message_comes_back() -> None:
    """One field at a time, so that none is missed by chance."""
    for message in ALL_MESSAGES:
        for field in descriptor_of(message).fields:
            one = message(**{field.name: sample(field)})
            normal = normalize(message.FromString(one.SerializeToString()))
            for codec in CODECS.values():
                again = codec.decode_bare(message, codec.encode_bare(one))
                assert normalize(again) == normal, (codec.name, field.full_name)
            assert equal(from_plain(message, plain(one)), normal), field.full_name
