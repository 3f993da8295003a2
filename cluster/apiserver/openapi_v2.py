"""OpenAPI v2: a document without content; what is served is described by OpenAPI v3.

kubectl asks for it when v3 does not know an object's kind, and takes no document for a failure of
its own ("failed to download openapi"). With one that does not know the kind either, it tells its
user what is the matter: there are no matches for that kind.
"""

from __future__ import annotations

import json
from typing import Final

PATH: Final = "/openapi/v2"
ASKED: Final = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
PROTOBUF: Final = b"application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""How protobuf is asked for, and how it is told: the former is no media type to Go's parser."""

_SWAGGER, _INFO = "2.0", {"title": "Kubernetes", "version": "v1.32.0+kubedyno"}


def openapi_v2(accept: str) -> tuple[bytes, bytes]:
    """Return the media type and the document; in protobuf where an Accept header asks for that."""
    if ASKED not in accept:
        document = {"swagger": _SWAGGER, "info": _INFO, "paths": {}}
        return b"application/json", json.dumps(document).encode()
    # Of the message Document: 1 swagger, 2 info (1 title, 2 version).
    info = _field(1, _INFO["title"].encode()) + _field(2, _INFO["version"].encode())
    return PROTOBUF, _field(1, _SWAGGER.encode()) + _field(2, info)


def _field(number: int, value: bytes) -> bytes:
    assert len(value) < 128, "its length takes one byte"
    return bytes((number << 3 | 2, len(value))) + value
