"""How calls fail, before what the peer says of them is looked at: with gRPC's names of codes. Pure.

A failure whose details begin with ``NOT_SENT`` is certain: the peer has not worked on the call, and
will not. Wherever bytes of it may have reached the peer the failure says something else.
"""

from __future__ import annotations

from typing import Final

NOT_SENT: Final = "the call was not sent: "
CODES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""By their numbers."""
_BY_HTTP: Final = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}
"""What an answer that is none of gRPC's means (gRPC's doc/http-grpc-status-mapping.md)."""


class RpcError(Exception):
    """A call failed: gRPC's name of the code, and why, on a line."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details


def not_sent(why: str) -> RpcError:
    """Return the failure of a call that the peer knows nothing of."""
    return RpcError("UNAVAILABLE", NOT_SENT + why)


def of_status(number: int, details: str) -> RpcError:
    """Return what the peer judged, by gRPC's number of the code."""
    code = CODES[number] if 0 < number < len(CODES) else "UNKNOWN"
    return RpcError(code, details)


def of_http(status: int) -> RpcError:
    """Return what an answer means that says nothing of gRPC."""
    return RpcError(_BY_HTTP.get(status, "UNKNOWN"), f"the peer answers with HTTP status {status}")
