"""Events, nodes and errors as JSON, byte by byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.model import Event, Node
from storage.serve.etcd2.answers import error_json, event_json, node_json, text_json, time_text

LEAF = Node("/1/a", "v", False, 4, 5)


@given(st.text())
def test_any_text_is_read_back_and_told_as_go_tells_it(text: str) -> None:
    told = text_json(text)

    assert json.loads(told) == text
    assert not set(told) & set(b"<>&")
    assert b"\\b" not in told.replace(b"\\\\", b"")
    assert b"\\f" not in told.replace(b"\\\\", b"")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<&>", b'"\\u003c\\u0026\\u003e"'),
        ("\u2028\u2029", b'"\\u2028\\u2029"'),
        ("\b\f\n\r\t", b'"\\u0008\\u000c\\n\\r\\t"'),
        ("\\b<\\\\f", b'"\\\\b\\u003c\\\\\\\\f"'),
        ('"\x00\x1f\x7f', b'"\\"\\u0000\\u001f\x7f"'),
        ("ä\udcff", b'"\xc3\xa4\xef\xbf\xbd"'),
    ],
)
def test_what_go_escapes_is_escaped(text: str, told: bytes) -> None:
    assert text_json(text) == told


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (LEAF, b'{"key":"/a","value":"v","modifiedIndex":5,"createdIndex":4}'),
        (LEAF._replace(value=""), b'{"key":"/a","value":"","modifiedIndex":5,"createdIndex":4}'),
        (LEAF._replace(value=None), b'{"key":"/a","modifiedIndex":5,"createdIndex":4}'),
        (
            LEAF._replace(expires_ns=1_500_000_000 * 10**9, ttl_s=7),
            b'{"key":"/a","value":"v","expiration":"2017-07-14T02:40:00Z","ttl":7,'
            b'"modifiedIndex":5,"createdIndex":4}',
        ),
        (Node("/1", None, True, 0, 0, nodes=()), b'{"dir":true}'),
        (
            Node("/1/d", None, True, 4, 4, nodes=(LEAF,)),
            b'{"key":"/d","dir":true,"nodes":[{"key":"/a","value":"v","modifiedIndex":5,'
            b'"createdIndex":4}],"modifiedIndex":4,"createdIndex":4}',
        ),
    ],
)
def test_a_node_tells_what_is_not_empty(node: Node, told: bytes) -> None:
    assert node_json(node) == told


def test_an_event_has_the_node_before_where_there_was_one() -> None:
    event = Event("set", LEAF, LEAF._replace(modified=4), 5)

    assert json.loads(event_json(event))["prevNode"]["modifiedIndex"] == 4
    assert b"prevNode" not in event_json(event._replace(previous=None))
    assert event_json(event, no_value=True) == b'{"action":"set"}\n'
    assert b"node" in event_json(event._replace(action="delete"), no_value=True)


def test_an_error_speaks_of_the_clients_key() -> None:
    missing = Etcd2Error(Code.KEY_NOT_FOUND, "/1/a", 7)

    assert error_json(missing) == (
        b'{"errorCode":100,"message":"Key not found","cause":"/a","index":7}\n'
    )
    assert b"cause" not in error_json(Etcd2Error(Code.WATCHER_CLEARED))


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 999))
def test_a_moment_is_told_to_the_nanosecond(moment: datetime, rest: int) -> None:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000 + rest

    told = time_text(ns)

    whole, _, fraction = told.removesuffix("Z").partition(".")
    assert whole == moment.isoformat()[:19]
    assert int(fraction.ljust(9, "0")) == moment.microsecond * 1000 + rest
    assert not fraction.endswith("0")
