"""Numbers as text: what Go's ``strconv`` takes, no more, and in its words when it does not.

Python's ``int`` takes more (other scripts' digits, underscores, spaces) and knows no range: a
number that no field can hold would fail somewhere behind.
"""

from __future__ import annotations

import re
from typing import Final

_SIGNED: Final = re.compile(r"[+-]?0*([0-9]{1,19})")
_UNSIGNED: Final = re.compile(r"0*([0-9]{1,20})")
_DIGITS: Final = re.compile(r"[0-9]+")
_INT64_MAX: Final = 2**63 - 1
_UINT64_MAX: Final = 2**64 - 1


def int64(text: str) -> int:
    """Return the number. Raises ValueError in Go's words for what is none, or out of range."""
    match = _SIGNED.fullmatch(text)
    if match is not None:
        number = int(match[1])
        if text[0] == "-":
            number = -number
        if -_INT64_MAX - 1 <= number <= _INT64_MAX:
            return number
    raise _refused("ParseInt", text, text.removeprefix("-").removeprefix("+"))


def uint64(text: str) -> int:
    """Return the number, which has no sign. Raises ValueError as ``int64`` does."""
    match = _UNSIGNED.fullmatch(text)
    if match is not None and (number := int(match[1])) <= _UINT64_MAX:
        return number
    raise _refused("ParseUint", text, text)


def _refused(function: str, text: str, digits: str) -> ValueError:
    why = "invalid syntax" if _DIGITS.fullmatch(digits) is None else "value out of range"
    return ValueError(f'strconv.{function}: parsing "{text}": {why}')
