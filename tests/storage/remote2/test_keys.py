"""Keys, values and events between the store contract and etcd 2's own forms."""

from __future__ import annotations

from posixpath import dirname
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import UnsupportedError
from storage.records import Change, KeyValue
from storage.remote.etcd2.failures import refusal
from storage.remote.etcd2.keys import MARK, DirectoryGoneError, Event, KeySpace, Node, form
from storage.remote.http1.connection import Answer
from storage.remote.url import StoreUrlError, parse_url

SPACE = KeySpace("/s")


def leaf(key: str, value: str | None, modified: int, created: int) -> Node:
    made: Node = {"key": key, "modifiedIndex": modified, "createdIndex": created}
    return made if value is None else {**made, "value": value}


def directory(key: str, index: int) -> Node:
    return {"key": key, "dir": True, "modifiedIndex": index, "createdIndex": 1}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_form_is_read_as_it_was_meant(value: str) -> None:
    told = parse_qs(form(value).decode(), keep_blank_values=True, strict_parsing=True)

    assert told == {"value": [value]}
    assert b";" not in form(value)  # older servers take it for an ampersand


@pytest.mark.parametrize("key", [b"/a", b"/a b/c?d", "/ä/%2F#x".encode(), b"/a&b=c"])
def test_path_leads_to_its_key(key: bytes) -> None:
    path = SPACE.path(key).decode()

    assert path.isascii()
    assert not set(path) & set(" ?#")
    assert unquote(path) == "/v2/keys/s" + key.decode()
    assert SPACE.state(leaf("/s" + key.decode(), "v", 3, 2)) == KeyValue(key, b"v", 3, 2, 2)


ONE = leaf("/s/a", "one", 2, 2)
EVENTS: list[tuple[Event, Change | None]] = [
    (
        {"action": "create", "node": leaf("/s/a", "", 5, 5)},
        Change(b"/a", b"", 5, 5, None, 1),
    ),
    (
        {"action": "compareAndSwap", "node": leaf("/s/a", "two", 5, 2), "prevNode": ONE},
        Change(b"/a", b"two", 5, 2, KeyValue(b"/a", b"one", 2, 2, 1), 2),
    ),
    (  # made anew, as etcd sees it; for a store it is a key that was there
        {"action": "set", "node": leaf("/s/a", "two", 5, 5), "prevNode": ONE},
        Change(b"/a", b"two", 5, 5, KeyValue(b"/a", b"one", 2, 2, 1), 2),
    ),
    (
        {"action": "expire", "node": leaf("/s/a", None, 5, 2), "prevNode": ONE},
        Change(b"/a", None, 5, 2, KeyValue(b"/a", b"one", 2, 2, 1), 0),
    ),
    (  # a directory in the place of a key
        {"action": "set", "node": directory("/s/a", 5), "prevNode": ONE},
        Change(b"/a", None, 5, 2, KeyValue(b"/a", b"one", 2, 2, 1), 0),
    ),
    ({"action": "set", "node": directory("/s/a", 5)}, None),
    ({"action": "set", "node": leaf("/s2/a", "v", 5, 5)}, None),
    ({"action": "set", "node": leaf("/s", "v", 5, 5)}, None),
    ({"action": "set", "node": leaf("/s/_a", "v", 5, 5)}, None),
    ({"action": "set", "node": leaf("/s/_a/b", "v", 5, 5)}, None),
    ({"action": "delete", "node": directory("/s/_a", 5)}, None),
    ({"action": "delete", "node": directory("/s2", 5)}, None),
]


@pytest.mark.parametrize(("event", "change"), EVENTS)
def test_event_is_the_change_of_a_key_or_nothing(event: Event, change: Change | None) -> None:
    assert SPACE.change(event) == change


@pytest.mark.parametrize("key", ["/s/a", "/s", "/s/a/b"])
@pytest.mark.parametrize("action", ["delete", "expire", "compareAndDelete"])
def test_directory_that_is_removed_takes_keys_along(key: str, action: str) -> None:
    with pytest.raises(DirectoryGoneError) as caught:
        SPACE.change({"action": action, "node": directory(key, 7), "prevNode": directory(key, 3)})

    assert caught.value.index == 7


def test_mark_is_nobodys_key() -> None:
    everything = KeySpace("")

    assert everything.change({"action": "set", "node": leaf(MARK, "seen", 5, 5)}) is None
    assert everything.change({"action": "delete", "node": directory(dirname(MARK), 6)}) is None


@pytest.mark.parametrize("root", ["/_hidden", "/a//b", "/a/.."])
def test_key_space_must_be_a_directory_that_can_be_watched(root: str) -> None:
    with pytest.raises(UnsupportedError):
        KeySpace(root)


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (
            412,
            b'{"errorCode":101,"message":"Compare failed","cause":"[1 != 2]","index":9}',
            101,
            "1",
        ),
        (404, b"404 page not found\n", 0, "--enable-v2"),
        (401, b"", 110, "authentication"),
        (403, b"<html>", 0, "403"),
        (400, b"[1]", 0, "400"),
    ],
)
def test_refusal_says_what_is_known(status: int, body: bytes, code: int, words: str) -> None:
    told = refusal(Answer(status, {}, body))

    assert told.code == code
    assert words in str(told)


def test_address_of_etcd_2_is_shown_without_its_password() -> None:
    url = parse_url("etcd2://kube:s%40cret@h1:2379,h2:2379?prefix=/x&cacert=/ca")

    assert url.kind == "etcd2"
    assert url.targets == ("h1:2379", "h2:2379")
    assert url.redacted == "etcd2://kube@h1:2379,h2:2379?cacert=/ca&prefix=/x"
    assert parse_url("etcd2+unix:///run/etcd.sock").redacted == "etcd2+unix:///run/etcd.sock"


@pytest.mark.parametrize(
    "text", ["etcd2://h:1?batch=on", "etcd2://h:1?client=grpc", "etcd4://h:1", "etcd2://h"]
)
def test_address_that_means_nothing_to_etcd_2_is_refused(text: str) -> None:
    with pytest.raises(StoreUrlError):
        parse_url(text)
