"""Reading a long list document piece by piece: an object at a time, never the whole.

A list of 60,000 pods is 150 MB of JSON and more than half a gigabyte once it is parsed. What is
read here needs the memory of one object and of one piece of text.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

PIECE_BYTES: Final = 256 * 1024
BLANK: Final = " \t\r\n"

JsonObject = dict[str, Any]


class TornDocumentError(ValueError):
    """The text ended early, or is no JSON object with a list of items."""


class ListDocument:
    """A list document that is still being received; ``items`` once, then ``head`` is whole."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._text = codecs.getincrementaldecoder("utf-8")()
        self._parse = json.JSONDecoder().raw_decode
        self._buffer = ""
        self._at = 0
        self._ended = False
        self.head: JsonObject = {}
        """Everything but the items."""

    def items(self) -> Iterator[JsonObject]:
        """Yield the items in order. Raises TornDocumentError, and what reading raises."""
        self._expect("{")
        while self._peek() != "}":
            key = self._value()
            self._expect(":")
            if key == "items" and self._peek() == "[":
                yield from self._array()
            else:
                self.head[key] = self._value()
            if self._peek() != "}":
                self._expect(",")

    def _array(self) -> Iterator[JsonObject]:
        self._expect("[")
        while self._peek() != "]":
            yield self._value()
            if self._peek() != "]":
                self._expect(",")
        self._expect("]")

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._parse(self._buffer, self._at)
            except ValueError as error:
                if not self._more():
                    raise TornDocumentError(f"no JSON: {error}") from error
                continue
            if end == len(self._buffer) and self._more():  # a number may go on
                continue
            self._at = end
            return value

    def _peek(self) -> str:
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in BLANK:
                    return self._buffer[self._at]
                self._at += 1
            if not self._more():
                raise TornDocumentError("the document ends early")

    def _expect(self, char: str) -> None:
        found = self._peek()
        if found != char:
            raise TornDocumentError(f"{found!r} where {char!r} should be")
        self._at += 1

    def _more(self) -> bool:
        """Read another piece; False at the end."""
        if self._ended:
            return False
        piece = self._read(PIECE_BYTES)
        self._ended = not piece
        self._buffer = self._buffer[self._at :] + self._text.decode(piece, final=self._ended)
        self._at = 0
        return True
