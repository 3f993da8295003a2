"""Where sockets are bound."""

from __future__ import annotations

import socket

import pytest

from storage.serve.http2.sockets import BindError, bind, unbind


def _reaches(host: str, target: str) -> bool:
    sockets = bind(target)
    port = sockets[0].getsockname()[1]
    for each in sockets:
        each.listen()
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except ConnectionRefusedError:
        return False
    finally:
        unbind(target, sockets)


def _has_ipv6() -> bool:
    try:
        unbind("", bind("[::1]:0"))
    except BindError:
        return False
    return True


@pytest.mark.parametrize(
    ("target", "host", "reached"),
    [
        ("127.0.0.1:0", "127.0.0.1", True),
        ("localhost:0", "127.0.0.1", True),
        ("0.0.0.0:0", "127.0.0.1", True),
        ("[::]:0", "127.0.0.1", True),
        ("[::]:0", "::1", True),
        ("[::1]:0", "::1", True),
        ("[::1]:0", "127.0.0.1", False),
    ],
)
def test_an_address_is_reached_at(target: str, host: str, *, reached: bool) -> None:
    if ":" in target.rpartition(":")[0] and not _has_ipv6():
        pytest.skip("there is no IPv6 here")

    assert _reaches(host, target) == reached
