"""Selectors: what they match, and errors in the words of a real server (labelselector.*)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.api.meta.v1_pb2 import LabelSelector, LabelSelectorRequirement
from serialization.selectors import (
    EVERYTHING,
    NOTHING,
    SelectorError,
    of_map,
    of_message,
    parse_fields,
    parse_labels,
)

LABELS = {"app": "web", "tier": "a", "empty": "", "n": "5"}
KEY_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app", True),
        ("!app", False),
        ("nope", False),
        ("!nope", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier=a", True),
        ("app=web,tier=b", False),
        ("app!=web", False),
        ("app!=db", True),
        ("nope!=x", True),
        ("nope notin (x)", True),
        ("app in (web,db)", True),
        ("app in (db)", False),
        ("app notin (db, cache)", True),
        ("app notin (web)", False),
        ("nope in ()", False),
        ("empty in ()", True),
        ("empty in (,x)", True),
        ("empty=", True),
        ("nope=", False),
        ("empty==", True),
        ("empty", True),
        ("n>4", True),
        ("n>5", False),
        ("n<6", True),
        ("app>1", False),
        ("nope<1", False),
        ("app in (web),!c,tier notin (e),n>1", True),
        ("in in (in,notin)", False),
        ("example.com/app=x", False),
    ],
)
def test_label_selector_matches(text: str, *, matches: bool) -> None:
    selector = parse_labels(text)

    assert selector.matches(LABELS) is matches
    assert parse_labels(str(selector)).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=b", "found '=', expected: !, identifier, or 'end of string'"),
        ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a notin b", "unable to parse requirement: found 'b' expected: '('"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a=b,", "found '', expected: identifier after ','"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' "
            "operators, the value must be an integer",
        ),
        (
            "-a=b",
            f'unable to parse requirement: <nil>: Invalid value: "-a": name part {KEY_RULE}',
        ),
        (
            '"a"=b',
            f'unable to parse requirement: <nil>: Invalid value: "\\"a\\"": name part {KEY_RULE}',
        ),
        (
            "a/b/c=d",
            'unable to parse requirement: <nil>: Invalid value: "a/b/c": a valid label key '
            f"{KEY_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        ),
    ],
)
def test_label_selector_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as refused:
        parse_labels(text)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    "text", ["A/b=c", "/a", "a/", "a=" + "v" * 64, "k" * 64, "a=-", "x" * 254 + "/a", "a in (b c)"]
)
def test_label_selector_checks_keys_and_values(text: str) -> None:
    with pytest.raises(SelectorError, match="unable to parse requirement"):
        parse_labels(text)


@pytest.mark.slow
@settings(derandomize=True)
@given(st.text('ab=!,()<> in/-."\\', max_size=20))
def test_any_text_is_a_selector_or_an_error(text: str) -> None:
    for parse in (parse_labels, parse_fields):
        try:
            selector = parse(text)
        except SelectorError:
            continue
        assert str(parse(str(selector))) == str(selector)


def test_absent_selector_matches_nothing_and_an_empty_one_everything() -> None:
    assert of_message(None) == NOTHING
    assert not NOTHING.matches({})
    assert of_message(LabelSelector()) == EVERYTHING
    assert EVERYTHING.matches({})


def test_selector_of_a_message_joins_labels_and_expressions() -> None:
    message = LabelSelector(
        matchLabels={"app": "web"},
        matchExpressions=[
            LabelSelectorRequirement(key="tier", operator="In", values=["a", "b"]),
            LabelSelectorRequirement(key="gone", operator="NotIn", values=["x"]),
            LabelSelectorRequirement(key="empty", operator="Exists"),
            LabelSelectorRequirement(key="none", operator="DoesNotExist"),
        ],
    )

    selector = of_message(message)

    assert selector.matches(LABELS)
    assert not selector.matches({**LABELS, "tier": "c"})
    assert not selector.matches({**LABELS, "gone": "x"})
    assert str(selector) == "app=web,empty,gone!=x,!none,tier in (a,b)"


@pytest.mark.parametrize(
    "requirement",
    [
        LabelSelectorRequirement(key="a", operator="Foo"),
        LabelSelectorRequirement(key="a", operator="In"),
        LabelSelectorRequirement(key="a", operator="Exists", values=["x"]),
        LabelSelectorRequirement(key="-", operator="Exists"),
    ],
    ids=str,
)
def test_message_with_a_bad_requirement_is_refused(requirement: LabelSelectorRequirement) -> None:
    with pytest.raises(SelectorError):
        of_message(LabelSelector(matchExpressions=[requirement]))


def test_selector_of_a_map_needs_all_pairs() -> None:
    selector = of_map({"app": "web", "tier": "a"})

    assert selector.matches(LABELS)
    assert not selector.matches({"app": "web"})
    assert str(selector) == "app=web,tier=a"


def test_exact_value_is_known_where_only_one_can_match() -> None:
    assert parse_labels("a=b,c in (d,e),!f").exact("a") == "b"
    assert parse_labels("a=b,c in (d,e),!f").exact("c") is None
    fields = parse_fields("spec.nodeName=n1,status.phase!=Failed")
    assert fields.exact("spec.nodeName") == "n1"
    assert fields.exact("status.phase") is None


FIELDS = {"metadata.name": "a", "status.phase": "Running", "spec.nodeName": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("=", True),
        (",,", True),
        ("metadata.name=a", True),
        ("metadata.name==a,status.phase!=Failed", True),
        ("metadata.name!=a", False),
        ("spec.nodeName=", True),
        ("spec.nodeName!=", False),
        ("spec.other=", True),
        ("metadata.name=a\\,b", False),
    ],
)
def test_field_selector_matches(text: str, *, matches: bool) -> None:
    assert parse_fields(text).matches(FIELDS) is matches


def test_field_selector_reads_escapes() -> None:
    (one,) = parse_fields("a=b\\,c\\=d\\\\").requirements

    assert one.value == "b,c=d\\"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        (
            "metadata.name in (a)",
            "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'",
        ),
        ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
        ("a=b\\c", "invalid field selector: invalid escape sequence: \\c"),
    ],
)
def test_field_selector_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as refused:
        parse_fields(text)

    assert str(refused.value) == message
