"""Failures as the API tells them: a Status message, whatever the answer's body was.

Reasons and codes are Kubernetes' (``k8s.io/apimachinery`` meta/v1 StatusReason).
"""

from __future__ import annotations

from typing import Final

from cluster.client.exchange import Response
from cluster.client.interface import ApiError
from serialization.api.meta.v1_pb2 import Status, StatusDetails
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError

REASON_BY_CODE: Final[dict[int, str]] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
TEXT_MAX: Final = 2048
"""How much of a body that is no Status goes into the message."""


def failure(code: int, reason: str = "", message: str = "", *, retry_after_s: int = 0) -> ApiError:
    """Return the error of ``code``; the reason is the code's own unless it is given."""
    status = Status(
        status="Failure",
        code=code,
        reason=reason or REASON_BY_CODE.get(code, "Unknown"),
        message=message,
    )
    if retry_after_s:
        status.details.CopyFrom(StatusDetails(retryAfterSeconds=retry_after_s))
    return ApiError(status)


def is_expired(error: ApiError) -> bool:
    """Whether the revision asked for is no longer kept (410, or its reasons): list again."""
    return error.code == 410 or error.reason in ("Expired", "Gone")


def is_namespace_terminating(error: Exception) -> bool:
    """Whether a create was refused because its namespace is going away: trying again is idle."""
    return (
        isinstance(error, ApiError)
        and error.code == 403
        and error.status.HasField("details")
        and any(cause.reason == "NamespaceTerminating" for cause in error.status.details.causes)
    )


def retry_after_s(error: ApiError) -> int:
    """Return after how many seconds the server wants to be asked again; 0 if it does not say."""
    return error.status.details.retryAfterSeconds if error.status.HasField("details") else 0


def failure_of(response: Response) -> ApiError:
    """Return the error that an answer tells: its Status, or what its code and text say."""
    status = _status_of(response)
    if status is None:
        text = response.body[:TEXT_MAX].decode(errors="replace").strip()
        status = failure(response.code, message=text).status
    if not status.code:
        status.code = response.code
    if response.retry_after_s and not status.details.retryAfterSeconds:
        status.details.retryAfterSeconds = response.retry_after_s
    return ApiError(status)


def _status_of(response: Response) -> Status | None:
    media_type = response.content_type.partition(";")[0].strip().lower()
    for codec in CODECS.values():
        if codec.media_type == media_type:
            try:
                kind, bare = codec.unwrap(response.body)
                return codec.decode_bare(Status, bare) if kind.kind == "Status" else None
            except DecodeError:
                return None
    return None
