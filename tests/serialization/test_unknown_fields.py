"""Unknown fields and duplicate keys: ignored, warned of or refused, in Kubernetes' words."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from serialization.api.apps.v1_pb2 import StatefulSet
from serialization.api.core.v1_pb2 import ConfigMap, Pod
from serialization.codecs.interface import UnknownFields
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError
from serialization.plain import from_plain

JSON_CODECS = ("json", "orjson")

# Bodies and findings as recorded from a real server (fieldvalidation.*, create.duplicate-key*).
CONFIG_MAP = (
    b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","bogus":1},'
    b'"data":{"a":"1"},"foo":{"x":1},"foo":2}'
)
CASES: tuple[tuple[type[Message], bytes, list[str]], ...] = (
    (
        ConfigMap,
        CONFIG_MAP,
        ['unknown field "metadata.bogus"', 'unknown field "foo"'],
    ),
    (
        Pod,
        b'{"spec":{"containers":[{"name":"c","imagee":"x","ports":[{"containerPort":80,"x":1}]}],'
        b'"bogus":{"a":1}}}',
        [
            'unknown field "spec.containers[0].imagee"',
            'unknown field "spec.containers[0].ports[0].x"',
            'unknown field "spec.bogus"',
        ],
    ),
    (ConfigMap, b'{"data":{"a":"1","a":"2"}}', ['duplicate field "data.a"']),
    (ConfigMap, b'{"data":{"a":"1"},"data":{"a":"2"}}', ['duplicate field "data"']),
    (ConfigMap, b'{"Data":{"a":"1"}}', ['unknown field "Data"']),
    (
        Pod,
        b'{"spec":{"volumes":[{"name":"v","emptyDir":{"x":1},"y":2}]}}',
        ['unknown field "spec.volumes[0].emptyDir.x"', 'unknown field "spec.volumes[0].y"'],
    ),
    (
        Pod,
        b'{"spec":{"volumes":[{"volumeSource":{}}]}}',
        ['unknown field "spec.volumes[0].volumeSource"'],
    ),
    (Pod, b'{"metadata":{"from_":"x","labels":{}}}', ['unknown field "metadata.from_"']),
    (Pod, b'{"spec":{"foo":null}}', ['unknown field "spec.foo"']),
    (Pod, b'{"spec":{"template":{"kind":"Pod"}}}', ['unknown field "spec.template"']),
    # A nested object may name its type where it is a kind, and nowhere else.
    (StatefulSet, b'{"spec":{"volumeClaimTemplates":[{"kind":"x","apiVersion":"v1"}]}}', []),
    (StatefulSet, b'{"spec":{"template":{"kind":"Pod"}}}', ['unknown field "spec.template.kind"']),
    # Raw JSON is nobody's to judge.
    (Pod, b'{"metadata":{"managedFields":[{"fieldsV1":{"a":1,"b":{}}}]}}', []),
    (Pod, b'{"kind":"Pod","apiVersion":"v1","spec":{"priority":null}}', []),
)


@pytest.mark.parametrize("codec", JSON_CODECS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[1][:50].decode())
def test_findings_are_warned_of_or_refused_or_ignored(
    codec: str, case: tuple[type[Message], bytes, list[str]]
) -> None:
    message, text, findings = case
    decode = CODECS[codec].decode_bare
    warnings: list[str] = []

    warned = decode(message, text, UnknownFields.WARN, warnings)
    ignored = decode(message, text, UnknownFields.IGNORE, warnings)

    assert warnings == findings
    assert warned == ignored
    if findings:
        with pytest.raises(DecodeError) as refused:
            decode(message, text, UnknownFields.STRICT)
        assert str(refused.value) == "strict decoding error: " + ", ".join(findings)
    else:
        assert decode(message, text, UnknownFields.STRICT) == ignored


@pytest.mark.parametrize("codec", JSON_CODECS)
def test_last_of_duplicate_keys_counts(codec: str) -> None:
    message = CODECS[codec].decode_bare(ConfigMap, b'{"data":{"a":"1","a":"2"}}')

    assert dict(message.data) == {"a": "2"}


@pytest.mark.parametrize("codec", JSON_CODECS)
def test_findings_are_bounded(codec: str) -> None:
    text = b'{"spec":{' + b",".join(b'"x%d":1' % i for i in range(1000)) + b"}}"
    warnings: list[str] = []

    CODECS[codec].decode_bare(Pod, text, UnknownFields.WARN, warnings)

    assert len(warnings) == 100


def test_plain_trees_are_judged_alike() -> None:
    tree = {"kind": "Pod", "spec": {"foo": 1}}
    warnings: list[str] = []

    from_plain(Pod, tree, UnknownFields.WARN, warnings)

    assert warnings == ['unknown field "spec.foo"']
    with pytest.raises(DecodeError, match=r"^strict decoding error: unknown field"):
        from_plain(Pod, tree, UnknownFields.STRICT)
