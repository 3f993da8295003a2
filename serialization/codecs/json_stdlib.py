"""Codec ``json``: the text is read and written by the standard library."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from serialization.jsonform.codec import CarefulReader, Hook, JsonCodec, Reader
from serialization.jsonform.text import no_constant, parse_single


class StdlibText:
    """The standard library's ``json``; only the conversion to the schema is msgspec's."""

    def __init__(self) -> None:
        self._loads = json.JSONDecoder(parse_constant=no_constant).decode
        self._dumps = json.JSONEncoder(
            ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
        ).encode

    def dumps(self, tree: Any) -> bytes:
        return self._dumps(tree).encode()

    def reader(self, schema: Any, hook: Hook) -> Reader:
        loads, convert = self._loads, msgspec.convert

        def read(data: bytes) -> dict[str, Any]:
            made: dict[str, Any] = convert(loads(data.decode()), schema, dec_hook=hook)
            return made

        return read

    def careful_reader(self, schema: Any, hook: Hook) -> CarefulReader:
        def read(data: bytes) -> tuple[dict[str, Any], bool]:
            tree = parse_single(data.decode())
            made = msgspec.convert(tree, schema, dec_hook=hook)
            # Held values compare as the JSON that they were made of: equal means nothing pruned.
            return made, made == tree

        return read


CODEC: Final = JsonCodec("json", StdlibText())
