"""The Status that says no more than that it went well."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import cast

from cluster.apiserver.api import Api, warning_headers
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from serialization.api.meta.v1_pb2 import ListMeta, Status, StatusDetails
from serialization.codecs.interface import Codec, TypeMeta

STATUS_KIND = TypeMeta("v1", "Status")


def success_answer(
    api: Api, call: Call, http_code: int, details: StatusDetails | None = None
) -> Answer:
    """Return the answer of a Status Success; its ``code`` is told only where an object was made."""
    codec = api.negotiator.accept(call.accept).codec
    if details is None:
        document = _document(cast("Hashable", codec), http_code)
    else:
        document = _made(codec, http_code, details)
    return Answer(http_code, codec.media_type.encode(), document, warning_headers(call))


@lru_cache(maxsize=64)
def _document(codec: Hashable, http_code: int) -> bytes:
    """Return the Status without details, which is always the same."""
    return _made(cast("Codec", codec), http_code, None)


def _made(codec: Codec, http_code: int, details: StatusDetails | None) -> bytes:
    status = Status(metadata=ListMeta(), status="Success", details=details)
    if http_code != 200:
        status.code = http_code
    return codec.encode(STATUS_KIND, status)
