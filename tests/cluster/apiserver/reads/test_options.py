from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from cluster.apiserver.errors import StatusError
from cluster.apiserver.reads.options import ListOptions, WatchOptions, list_options, watch_options
from cluster.apiserver.reads.tokens import ContinueToken, decode_token

PAGE_TWO = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NTIzLCJzdGFydCI6Ii9jMlx1MDAwMCJ9"
ANY_VERSION = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiY2FzZWZcdTAwMDAifQ"


def query(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", ListOptions()),
        ("resourceVersion=", ListOptions()),
        ("resourceVersion=0", ListOptions(0)),
        ("resourceVersion=0&limit=3", ListOptions(0)),  # any version: all of it at once
        ("resourceVersion=519", ListOptions(519)),
        ("resourceVersion=519&limit=3", ListOptions(519, exact=True, limit=3, paged=True)),
        (
            "resourceVersion=519&limit=3&resourceVersionMatch=NotOlderThan",
            ListOptions(519, limit=3),
        ),
        ("resourceVersion=519&resourceVersionMatch=Exact", ListOptions(519, exact=True)),
        ("limit=7", ListOptions(limit=7)),
        ("limit=-1", ListOptions()),
        (f"limit=3&continue={PAGE_TWO}", ListOptions(limit=3, token=ContinueToken(523, "c2"))),
        (
            f"limit=1&resourceVersion=0&continue={PAGE_TWO}",
            ListOptions(token=ContinueToken(523, "c2")),
        ),
    ],
)
def test_list_options_are_read_as_kubernetes_reads_them(text: str, options: ListOptions) -> None:
    assert list_options(query(text)) == options


FORBIDDEN = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden"
NOT_VALID = 'ListOptions.meta.k8s.io "" is invalid: '


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "resourceVersion=abc",
            400,
            'invalid resource version: resourceVersion: Invalid value: "abc": '
            'strconv.ParseUint: parsing "abc": invalid syntax',
        ),
        (
            "resourceVersion=-1",
            400,
            'invalid resource version: resourceVersion: Invalid value: "-1": '
            'strconv.ParseUint: parsing "-1": invalid syntax',
        ),
        ("limit=abc", 400, 'strconv.ParseInt: parsing "abc": invalid syntax'),
        (
            f"resourceVersion=5&continue={PAGE_TWO}",
            400,
            "specifying resource version is not allowed when using continue",
        ),
        (
            f"resourceVersion=5&resourceVersionMatch=Exact&continue={PAGE_TWO}",
            422,
            f"{NOT_VALID}{FORBIDDEN} when continue is provided",
        ),
        (
            "resourceVersionMatch=Exact",
            422,
            f"{NOT_VALID}{FORBIDDEN} unless resourceVersion is provided",
        ),
        (
            "resourceVersion=1&resourceVersionMatch=Foo",
            422,
            f'{NOT_VALID}resourceVersionMatch: Unsupported value: "Foo": supported values: '
            '"Exact", "NotOlderThan", ""',
        ),
        (
            "resourceVersion=0&resourceVersionMatch=Exact",
            422,
            f'{NOT_VALID}resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is '
            'forbidden for resourceVersion "0"',
        ),
        (
            "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
            422,
            f"{NOT_VALID}[{FORBIDDEN} unless resourceVersion is provided, "
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list]",
        ),
        (
            "continue=!!",
            400,
            "invalid continue token: continue key is not valid: illegal base64 data at input "
            "byte 0",
        ),
        (
            "continue=Z2FyYmFnZQ",
            400,
            "invalid continue token: continue key is not valid: invalid character 'g' looking "
            "for beginning of value",
        ),
        (
            "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjkiLCJydiI6NSwic3RhcnQiOiJ4In0",
            400,
            "invalid continue token: continue key is not valid: server does not recognize this "
            "encoded version meta.k8s.io/v9",
        ),
        (
            "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi9zZWNyZXRzL3gifQ",
            400,
            "invalid continue token: continue key is not valid: ../secrets/x",
        ),
    ],
)
def test_bad_list_options_are_refused_in_kubernetes_words(
    text: str, code: int, message: str
) -> None:
    with pytest.raises(StatusError) as caught:
        list_options(query(text))

    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    ("text", "options", "tells_state"),
    [
        ("watch=1", WatchOptions(), True),
        ("watch=1&resourceVersion=0", WatchOptions(0), True),
        ("watch=1&resourceVersion=7&timeoutSeconds=9", WatchOptions(7, timeout_s=9.0), False),
        ("watch=1&timeoutSeconds=0", WatchOptions(), True),
        (
            "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=7",
            WatchOptions(7, initial_events=True),
            True,
        ),
        (
            "watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan",
            WatchOptions(initial_events=False),
            False,
        ),
    ],
)
def test_watch_options_are_read_as_kubernetes_reads_them(
    text: str, options: WatchOptions, *, tells_state: bool
) -> None:
    assert watch_options(query(text)) == options
    assert options.tells_state is tells_state


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "resourceVersion=abc",
            500,
            'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": '
            "invalid syntax",
        ),
        (
            "resourceVersion=1&resourceVersionMatch=Exact",
            422,
            f"{NOT_VALID}[{FORBIDDEN} for watch unless sendInitialEvents is provided, "
            'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]',
        ),
        (
            "sendInitialEvents=true",
            422,
            f"{NOT_VALID}resourceVersionMatch: Forbidden: sendInitialEvents requires setting "
            "resourceVersionMatch to NotOlderThan",
        ),
    ],
)
def test_bad_watch_options_are_refused_in_kubernetes_words(
    text: str, code: int, message: str
) -> None:
    with pytest.raises(StatusError) as caught:
        watch_options(query(text))

    assert (caught.value.code, caught.value.message) == (code, message)


def test_tokens_are_those_of_kubernetes() -> None:
    assert ContinueToken(523, "c2").encode() == PAGE_TWO
    assert ContinueToken(-1, "casef").encode() == ANY_VERSION
    assert decode_token(PAGE_TWO) == ContinueToken(523, "c2")
    assert decode_token(ANY_VERSION) == ContinueToken(-1, "casef")
