"""Queries and forms: what Go reads, and what it refuses with which words."""

from __future__ import annotations

from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.model import Method, Request
from storage.serve.etcd2.forms import FORM, FormError, is_form, parse_form, text_of
from storage.serve.etcd2.requests import key_request

NOW_NS = 1_700_000_000_000_000_000


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_what_was_escaped_is_read_back(options: dict[str, str]) -> None:
    raw = urlencode(options).encode()

    assert parse_form(raw) == options
    assert parse_form(b"", raw) == options


@given(st.binary())
def test_any_bytes_are_a_form_or_refused(raw: bytes) -> None:
    try:
        form = parse_form(raw, raw)
    except FormError as error:
        told = [str(error)]
    else:
        told = [*form, *form.values()]
    for text in told:
        assert text.encode().decode() == text  # Unicode through and through


@given(st.text())
def test_a_value_in_the_body_comes_before_one_in_the_query(value: str) -> None:
    body = b"value=" + quote_plus(value).encode()

    assert parse_form(b"value=other&x=1", body) == {"value": value, "x": "1"}


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"a=%zz", 'invalid URL escape "%zz"'),
        (b"a=%", 'invalid URL escape "%"'),
        (b"a=%4", 'invalid URL escape "%4"'),
        (b"%q1=2", 'invalid URL escape "%q1"'),
        (b"a=%\xff1", 'invalid URL escape "%\\xff1"'),
        (b'a=%"\\', 'invalid URL escape "%\\"\\\\"'),
        (b"a=%\n\x01", 'invalid URL escape "%\\n\\x01"'),
        (b"a;b", "invalid semicolon separator in query"),
        (b"a=%zz&b;c", "invalid semicolon separator in query"),
        (b"a=%zz&b=%yy", 'invalid URL escape "%zz"'),
    ],
)
def test_a_bad_form_is_refused_in_the_words_of_go(raw: bytes, complaint: str) -> None:
    with pytest.raises(FormError) as refused:
        parse_form(raw)

    assert str(refused.value) == complaint


def test_bytes_that_are_no_text_become_as_many_marks() -> None:
    assert text_of(b"a\xff\xf0\x9f\xc3\xa4") == "a\ufffd\ufffd\ufffdä"


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        (b"application/x-www-form-urlencoded", True),
        (b"Application/X-WWW-form-urlencoded; charset=utf-8", True),
        (b"text/plain", False),
        (b"", False),
        (b"text/plain;", False),
        (b'application/x-www-form-urlencoded; a="b;c" ; d=e ;', True),
    ],
)
def test_only_a_form_is_read_as_one(content_type: bytes, form: bool) -> None:
    assert is_form(content_type) is form


@pytest.mark.parametrize(
    ("content_type", "complaint"),
    [
        (b";", "mime: no media type"),
        (b"a b", "mime: expected slash after first token"),
        (b"a/", "mime: expected token after slash"),
        (b"a/b c", "mime: unexpected content after media subtype"),
        (FORM + b"; a", "mime: invalid media parameter"),
        (b"a/b; a=b; A=c", "mime: duplicate parameter name"),
    ],
)
def test_what_is_no_media_type_is_refused_in_the_words_of_go(
    content_type: bytes, complaint: str
) -> None:
    with pytest.raises(FormError) as refused:
        is_form(content_type)

    assert str(refused.value) == complaint


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"prevIndex": ""}, Code.INDEX_NAN),
        ({"waitIndex": "-1"}, Code.INDEX_NAN),
        ({"prevIndex": str(1 << 64)}, Code.INDEX_NAN),
        ({"prevIndex": "x", "recursive": "x"}, Code.INDEX_NAN),
        ({"recursive": ""}, Code.INVALID_FIELD),
        ({"wait": "true"}, Code.INVALID_FIELD),
        ({"prevValue": ""}, Code.PREV_VALUE_REQUIRED),
        ({"ttl": "1.5"}, Code.TTL_NAN),
        ({"ttl": "x", "prevExist": "x"}, Code.TTL_NAN),
        ({"prevExist": ""}, Code.INVALID_FIELD),
        ({"refresh": "true"}, Code.REFRESH_TTL_REQUIRED),
        ({"refresh": "true", "ttl": "1", "value": "v"}, Code.REFRESH_VALUE),
        ({"ttl": "9" * 5000}, Code.TTL_NAN),
    ],
)
def test_a_bad_option_is_refused(form: dict[str, str], code: Code) -> None:
    with pytest.raises(Etcd2Error) as refused:
        key_request("PUT", "/1/a", form, NOW_NS)

    assert refused.value.code == code
    assert refused.value.index == 0


def test_options_become_a_request() -> None:
    form = {"value": "v", "ttl": "5", "prevExist": "T", "prevIndex": "7", "dir": "0"}

    asked = key_request("PUT", "/1/a", form, NOW_NS)

    assert asked.request == Request(
        Method.PUT,
        "/1/a",
        "v",
        prev_index=7,
        prev_exist=True,
        expiration_ns=NOW_NS + 5 * 10**9,
    )


def test_a_ttl_of_centuries_wraps_around_as_with_go() -> None:
    asked = key_request("PUT", "/1/a", {"value": "v", "ttl": "10000000000"}, NOW_NS)

    assert asked.request.expiration_ns == NOW_NS + 10**19 - (1 << 64)
