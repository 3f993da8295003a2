"""Codec ``json``: the text is read and written by the standard library."""

from __future__ import annotations

import json
from typing import Any, Final

from serialization.jsonform.codec import JsonCodec


def _dumps(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


CODEC: Final = JsonCodec("json", _dumps)
