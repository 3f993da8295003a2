"""Codec ``orjson``: the same JSON, the text written by orjson."""

from __future__ import annotations

from typing import Any, Final

import orjson

from serialization.jsonform.codec import JsonCodec


def _dumps(tree: Any) -> bytes:
    # A copy: what orjson returns keeps its spare buffer, 8.2 KB for an object of 2.5 KB.
    return bytes(bytearray(orjson.dumps(tree)))


CODEC: Final = JsonCodec("orjson", _dumps)
