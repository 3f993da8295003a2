"""The codecs by name. A new codec is one file here beside and one line below."""

from __future__ import annotations

from typing import Final

from serialization.codecs import json_orjson, json_stdlib, protobuf
from serialization.codecs.interface import Codec

CODECS: Final[dict[str, Codec]] = {
    "json": json_stdlib.CODEC,
    "orjson": json_orjson.CODEC,
    "protobuf": protobuf.CODEC,
}
