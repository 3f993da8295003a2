"""Accept and Content-Type: who gets which codec."""

from __future__ import annotations

import pytest

from cluster.apiserver.errors import StatusError
from cluster.apiserver.negotiation import MEMO_LIMIT, Negotiator
from serialization.codecs.registry import CODECS

PB = "application/vnd.kubernetes.protobuf"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture
def negotiator() -> Negotiator:
    return Negotiator(CODECS["orjson"], CODECS["protobuf"])


@pytest.mark.parametrize(
    ("accept", "codec"),
    [
        ("", "orjson"),
        ("*/*", "orjson"),
        ("application/*", "orjson"),
        ("application/json", "orjson"),
        ("APPLICATION/JSON", "orjson"),
        (PB, "protobuf"),
        (f"{PB};stream=watch", "protobuf"),
        (f"{PB},application/json", "protobuf"),
        (f"application/json,{PB}", "orjson"),
        (f"application/json;q=0.5,{PB};q=0.9", "protobuf"),
        (f"{PB};q=0, application/json", "orjson"),
        ("application/vnd.custom, application/json;q=0.5", "orjson"),
        (f"{TABLE},application/json", "orjson"),
        (f"{TABLE},{PB}", "protobuf"),
        ("text/html;q=bad, application/json", "orjson"),
    ],
)
def test_accept_picks_the_codec(negotiator: Negotiator, accept: str, codec: str) -> None:
    for _ in range(2):  # the second time from memory
        accepted = negotiator.accept(accept.encode())

        assert accepted.codec.name == codec
        assert not accepted.form


def test_tables_come_where_they_can_be_had(negotiator: Negotiator) -> None:
    header = f"{TABLE},application/json".encode()

    assert negotiator.accept(header, forms=True).form == "Table"
    assert not negotiator.accept(header).form


@pytest.mark.parametrize("accept", ["text/html", f"{TABLE}", f"{PB};q=0"])
def test_accept_that_nothing_fits_is_refused(negotiator: Negotiator, accept: str) -> None:
    with pytest.raises(StatusError) as raised:
        negotiator.accept(accept.encode())

    assert raised.value.code == 406


@pytest.mark.parametrize(
    ("content", "codec"),
    [
        ("", "orjson"),
        ("application/json", "orjson"),
        ("application/json; charset=utf-8", "orjson"),
        (PB, "protobuf"),
    ],
)
def test_content_type_picks_the_codec(negotiator: Negotiator, content: str, codec: str) -> None:
    assert negotiator.content(content.encode()).name == codec


@pytest.mark.parametrize("content", ["text/xml", "*/*", "application/cbor"])
def test_content_type_that_is_not_known_is_refused(negotiator: Negotiator, content: str) -> None:
    with pytest.raises(StatusError) as raised:
        negotiator.content(content.encode())

    assert raised.value.code == 415


def test_header_values_that_are_remembered_are_bounded(negotiator: Negotiator) -> None:
    for number in range(2 * MEMO_LIMIT):
        negotiator.accept(f"application/json;client={number}".encode())

    assert len(negotiator._accepted) == MEMO_LIMIT
