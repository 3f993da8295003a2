"""Codec ``orjson``: the same JSON; msgspec reads the text into its schema, orjson writes it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import orjson

from serialization.jsonform.codec import CarefulReader, Hook, JsonCodec, Reader
from serialization.jsonform.schema import json_of
from serialization.jsonform.text import parse_single


class OrjsonText:
    """orjson, and msgspec where a schema is at hand (orjson has none)."""

    def dumps(self, tree: Any) -> bytes:
        # A copy: what orjson returns keeps its spare buffer, 8.2 KB for an object of 2.5 KB.
        try:
            return bytes(bytearray(orjson.dumps(tree)))
        except TypeError:  # an integer above 64 bits within raw JSON: JSON, but not for orjson
            return msgspec.json.encode(tree)

    def reader(self, schema: Any, hook: Hook) -> Reader:
        decode = msgspec.json.Decoder(schema, dec_hook=hook).decode

        def read(data: bytes) -> dict[str, Any]:
            if not data.isascii():
                data.decode()  # msgspec does not look into text that the schema prunes
            made: dict[str, Any] = decode(data)
            return made

        return read

    def careful_reader(self, schema: Any, hook: Hook) -> CarefulReader:
        read_fast = self.reader(schema, hook)

        def read(data: bytes) -> tuple[dict[str, Any], bool]:
            made = read_fast(data)
            # Written again it is the same text: so nothing was pruned, and no key stood twice.
            # That goes for compact JSON, as most programs write it (2.5 us); for the rest, spaced
            # or escaped, the trees are compared (30 us).
            again = orjson.dumps(made, json_of, orjson.OPT_PASSTHROUGH_SUBCLASS)
            return made, again == data or made == parse_single(data.decode())

        return read


CODEC: Final = JsonCodec("orjson", OrjsonText())
