"""The Status that says no more than that it went well."""

from __future__ import annotations

from cluster.apiserver.api import Api, warning_headers
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from serialization.api.meta.v1_pb2 import ListMeta, Status, StatusDetails
from serialization.codecs.interface import TypeMeta

STATUS_KIND = TypeMeta("v1", "Status")


def success_answer(
    api: Api, call: Call, http_code: int, details: StatusDetails | None = None
) -> Answer:
    """Return the answer of a Status Success; its ``code`` is told only where an object was made."""
    status = Status(metadata=ListMeta(), status="Success", details=details)
    if http_code != 200:
        status.code = http_code
    codec = api.negotiator.accept(call.accept).codec
    document = codec.encode(STATUS_KIND, status)
    return Answer(http_code, codec.media_type.encode(), document, warning_headers(call))
