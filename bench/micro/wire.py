"""The wire level of each codec: bytes to the library's own plain form and back, no object model.

For JSON that is text to dicts. Protobuf has no plain form: its wire level is the message's own
parse and serialize, the same as its typed level.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

import orjson
from google.protobuf.message import Message


class Wire(NamedTuple):
    """What a codec does below the object model."""

    encode: Callable[[], object]
    decode: Callable[[], object]


def _json(_message: Message, encoded: bytes) -> Wire:
    tree = json.loads(encoded)
    return Wire(
        encode=lambda: json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode(),
        decode=lambda: json.loads(encoded),
    )


def _orjson(_message: Message, encoded: bytes) -> Wire:
    tree = orjson.loads(encoded)
    return Wire(encode=lambda: orjson.dumps(tree), decode=lambda: orjson.loads(encoded))


def _protobuf(message: Message, encoded: bytes) -> Wire:
    return Wire(encode=message.SerializeToString, decode=lambda: type(message).FromString(encoded))


WIRES: Final[dict[str, Callable[[Message, bytes], Wire]]] = {
    "json": _json,
    "orjson": _orjson,
    "protobuf": _protobuf,
}
"""By codec; one that is missing here has a typed level only."""
