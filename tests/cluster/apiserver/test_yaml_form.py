"""YAML bodies and answers: the JSON that they stand for, at no more cost than their size."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.apiserver.yaml_form import from_yaml, to_yaml
from serialization.errors import DecodeError
from tests.cluster.apiserver.kinds import CONFIG_MAPS_PATH
from tests.cluster.apiserver.serving import InProcess

YAML = {"content-type": "application/yaml", "accept": "application/yaml"}
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text("abé☃ :#-'\"\n1", max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(TREES)
def test_what_is_written_as_yaml_is_read_back(tree: object) -> None:
    text = to_yaml(json.dumps(tree).encode())

    assert json.loads(from_yaml(text, [])) == tree


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a: 2001-01-01\nb: 1\nc: yes\n", {"a": "2001-01-01", "b": 1, "c": True}),
        (b"1: a\nfalse: b\n", {"1": "a", "false": "b"}),
        (b'{"a": [1, "x"]}', {"a": [1, "x"]}),
        (b"a: '*x'\n", {"a": "*x"}),
        (b"", None),
    ],
)
def test_yaml_stands_for_json(text: bytes, expected: object) -> None:
    assert json.loads(from_yaml(text, [])) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"a: b: c",
        b"a: &x [1]\nb: *x\n",
        b"a: .nan\n",
        b"a: !!python/name:os.system\n",
        b"a: !!set {b}\n",
    ],
)
def test_yaml_that_stands_for_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(DecodeError, match="yaml: "):
        from_yaml(text, [])


def test_keys_that_stand_twice_are_told() -> None:
    repeated: list[str] = []

    from_yaml(b"a: 1\nb:\n  c: 1\n  c: 2\n", repeated)

    assert repeated == ['line 4: key "c" already set in map']


def test_yaml_is_taken_and_answered(api: InProcess) -> None:
    made = api.call("POST", CONFIG_MAPS_PATH, b"metadata:\n  name: y\ndata:\n  a: '1'\n", YAML)
    listed = api.call("GET", CONFIG_MAPS_PATH, headers=YAML)
    lost = api.call("GET", f"{CONFIG_MAPS_PATH}/nope", headers=YAML)

    assert (made.code, listed.code, lost.code) == (201, 200, 404)
    assert {made.media_type, listed.media_type, lost.media_type} == {"application/yaml"}
    assert yaml.safe_load(made.body)["data"] == {"a": "1"}
    assert [item["metadata"]["name"] for item in yaml.safe_load(listed.body)["items"]] == ["y"]
    assert yaml.safe_load(lost.body)["reason"] == "NotFound"
    assert int(listed.header("content-length")) == len(listed.body)


def test_strict_validation_refuses_keys_that_stand_twice(api: InProcess) -> None:
    body = b"metadata:\n  name: y\ndata:\n  a: '1'\n  a: '2'\n"
    path = f"{CONFIG_MAPS_PATH}?fieldValidation"

    strict = api.call("POST", f"{path}=Strict", body, YAML)
    warned = api.call("POST", f"{path}=Warn", body, YAML)

    assert strict.code == 400
    assert warned.header("warning") == '299 - "line 5: key \\"a\\" already set in map"'
