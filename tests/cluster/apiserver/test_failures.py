"""What clients are told when something is wrong behind the API."""

from __future__ import annotations

import logging
from typing import cast

import pytest
from google.protobuf.message import Message

from cluster.apiserver.authentication import BearerTokens
from cluster.apiserver.errors import FieldProblem, status_error
from cluster.apiserver.registry import served
from cluster.apiserver.resources.interface import Strategy
from serialization.errors import DecodeError
from storage.errors import (
    CompactedError,
    FutureRevisionError,
    ReadOnlyError,
    StoreClosedError,
    StoreError,
    UnsupportedError,
)
from tests.cluster.apiserver.kinds import CONFIG_MAPS_PATH, PODS_PATH, ConfigMapStrategy, config_map
from tests.cluster.apiserver.serving import serving


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
