"""What clients are told when something is wrong behind the API."""

from __future__ import annotations

import json
import logging
from typing import cast

import pytest
from google.protobuf.message import Message

from cluster.apiserver.authentication import BearerTokens
from cluster.apiserver.errors import FieldProblem, status_error
from cluster.apiserver.registry import served
from cluster.apiserver.resources.config_map import ConfigMapStrategy
from cluster.apiserver.resources.interface import Strategy
from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError
from storage.errors import (
    CompactedError,
    FutureRevisionError,
    ReadOnlyError,
    StoreClosedError,
    StoreError,
    UnsupportedError,
)
from tests.cluster.apiserver.kinds import (
    CONFIG_MAPS_PATH,
    PODS_PATH,
    PROTOBUF,
    config_map,
    pod,
)
from tests.cluster.apiserver.serving import InProcess, serving


class DiskFullError(StoreError):
    """A failure that the table does not name; its parent's entry serves."""


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (DecodeError("bad", "spec.x"), 400, "BadRequest"),
        (CompactedError(5, 9), 410, "Expired"),
        (FutureRevisionError(9, 5), 504, "Timeout"),
        (ReadOnlyError("no space"), 503, "ServiceUnavailable"),
        (StoreClosedError("closed"), 503, "ServiceUnavailable"),
        (UnsupportedError("no leases"), 501, "NotImplemented"),
        (DiskFullError("full"), 500, "InternalError"),
        (RuntimeError("secret"), 500, "InternalError"),
    ],
)
def test_errors_become_a_status_by_the_most_specific_entry(
    error: Exception, code: int, reason: str
) -> None:
    told = status_error(error)

    assert (told.code, told.reason) == (code, reason)
    assert "secret" not in told.message


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{PODS_PATH}/nope", None),
        ("POST", PODS_PATH, {"metadata": {"name": "Bad"}}),
        ("POST", "/api/v1/namespaces/nope/pods", pod()),
        ("PUT", PODS_PATH, pod()),
        ("GET", "/api/v1/widgets", None),
        ("GET", f"{PODS_PATH}?fieldSelector=spec.foo%3D1", None),
        ("DELETE", "/api/v1/namespaces/default", None),
        ("POST", "/version", {}),
    ],
)
def test_every_failure_has_the_same_words_in_both_forms(
    api: InProcess, method: str, path: str, body: object
) -> None:
    raw = b"" if body is None else json.dumps(body).encode()
    codec = CODECS["protobuf"]

    as_json = api.call(method, path, raw)
    as_protobuf = api.call(method, path, raw, {"accept": PROTOBUF})

    _kind, bare = codec.unwrap(as_protobuf.body)
    assert as_json.code == as_protobuf.code
    assert as_json.code >= 400
    assert CODECS["json"].decode_bare(Status, as_json.body) == codec.decode_bare(Status, bare)


class BrokenStrategy(ConfigMapStrategy):
    """A strategy with a defect."""

    def validate(self, obj: Message) -> list[FieldProblem]:
        raise RuntimeError("a secret of the server")


def test_defect_is_logged_and_not_told_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    broken = cast("Strategy[Message]", BrokenStrategy())

    with serving([*served(), broken]) as api, caplog.at_level(logging.ERROR):
        reply = api.call("POST", CONFIG_MAPS_PATH, config_map())

    assert reply.code == 500
    assert reply.json()["reason"] == "InternalError"
    assert b"secret" not in reply.body
    assert "a secret of the server" in caplog.text


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", 401),
        ("Bearer wrong", 401),
        ("Basic right", 401),
        ("Bearer right", 200),
        ("bearer right", 200),
    ],
)
def test_only_who_shows_a_token_is_let_in(header: str, code: int) -> None:
    headers = {"authorization": header} if header else {}

    with serving(authenticator=BearerTokens(["right", "other"])) as api:
        reply = api.call("GET", PODS_PATH, headers=headers)
        health = api.call("GET", "/readyz")

    assert reply.code == code
    assert health.code == 200
    if code == 401:
        assert reply.json()["message"] == "Unauthorized"
