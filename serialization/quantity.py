"""Quantities: amounts such as ``100m``, ``1.5Gi``, ``2e3``; read exactly, written canonically.

How this works. A quantity is a decimal number and a suffix; the suffix fixes a *format*: decimal
(``m``, ``k``, ``M``), decimal exponent (``e3``) or binary (``Ki``, ``Mi``). The value is kept as an
integer count of nanos (10**-9, the finest step there is; finer input is rounded away from zero).
Writing takes the largest suffix of the same format that leaves a whole number: ``1000k`` is ``1M``,
``0.5Gi`` is ``512Mi``, ``12e-1`` is ``1200e-3``. Text that is already in that shape apart from
signs and leading zeros comes back as it was sent (``+1``, ``01``, ``1.``), as Kubernetes does it.
Source: the recorded answers of a Kubernetes 1.36 (Pod-4 of the golden objects).
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

NANO: Final = 10**9
MEMO_MAX: Final = 4096
MEMO_TEXT_MAX: Final = 32
"""How many quantities are remembered, and how long they may be: half a MiB at most."""
_MILLI_IN_NANO: Final = 10**6
_BINARY_CAP: Final = (2**63 - 1) * NANO

_SHAPE: Final = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*(?:[+-]?[0-9]*))")
# Up to three digits and a suffix: canonical as it is, and most of what is ever sent.
_PLAIN: Final = re.compile(r"[1-9][0-9]{0,2}(?:[numkMGTPE]|[KMGTP]i)?")
_EXPONENT: Final = re.compile(r"[eE][+-]?[0-9]+")
_FORMAT_ERROR: Final = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_SUFFIX_ERROR: Final = "unable to parse quantity's suffix"

_DECIMAL: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_DECIMAL_NAME: Final = {power: name for name, power in _DECIMAL.items()}
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_BINARY_NAME: Final = {0: "", **{power: name for name, power in _BINARY.items()}}
# An int64 holds eighteen decimal digits whatever they are; longer numbers take the exact way.
_SHORT_DIGITS: Final = 18
# Exponents beyond this are refused: they would make numbers of that many digits.
_EXPONENT_LIMIT: Final = 10_000


class Format(Enum):
    """The family of suffixes that a quantity is written with."""

    DECIMAL = auto()
    EXPONENT = auto()
    BINARY = auto()


class QuantityError(ValueError):
    """Text that is no quantity; the message is the one that Kubernetes gives."""


class Parsed(NamedTuple):
    """What a quantity's text says."""

    nanos: int
    """The value in units of 10**-9, exact but for rounding away from zero below one nano."""
    format: Format
    verbatim: bool
    """Kubernetes would write this text back as it is."""


def _suffix(text: str) -> tuple[Format, int]:
    """Return the format and the power (of 10, or of 1024) that a suffix stands for."""
    if text in _DECIMAL:
        return Format.DECIMAL, _DECIMAL[text]
    if text in _BINARY:
        return Format.BINARY, _BINARY[text]
    if _EXPONENT.fullmatch(text) and abs(int(text[1:])) <= _EXPONENT_LIMIT:
        return Format.EXPONENT, int(text[1:])
    raise QuantityError(_SUFFIX_ERROR)


def _scaled(digits: int, power_of_ten: int) -> int:
    """Return digits * 10**power_of_ten in nanos, rounded up to a whole nano."""
    shift = power_of_ten + 9
    factor: int = 10 ** abs(shift)
    return digits * factor if shift >= 0 else -(-digits // factor)


def parse_exact(text: str) -> Parsed:
    """Read a quantity. Raises QuantityError with Kubernetes' own message."""
    match = _SHAPE.fullmatch(text)
    if match is None or not text:
        raise QuantityError(_FORMAT_ERROR)
    sign, number, fraction, suffix = match.groups()
    number, fraction = number or "0", fraction or ""
    form, power = _suffix(suffix)
    digits = number + fraction
    if form is Format.BINARY:
        nanos = min(_scaled(int(digits) * 1024**power, -len(fraction)), _BINARY_CAP)
        verbatim = False
    else:
        scale = power - len(fraction)
        nanos = _scaled(int(digits), scale)
        # As it was sent: a whole number of thousands already, nothing to shorten or to lengthen.
        verbatim = (
            len(digits) <= _SHORT_DIGITS
            and scale >= -9
            and scale % 3 == 0
            and "0" not in (digits[0], digits[-1])
        )
    return Parsed(-nanos if sign == "-" else nanos, form, verbatim)


def canonical(text: str) -> str:
    """Return the text that Kubernetes answers when it is sent this quantity.

    Raises QuantityError.
    """
    if _PLAIN.fullmatch(text):
        return text
    parsed = parse_exact(text)
    return text if parsed.verbatim else format_nanos(parsed.nanos, parsed.format)


def format_nanos(nanos: int, form: Format = Format.DECIMAL) -> str:
    """Write a value, given in units of 10**-9, in canonical form."""
    if form is Format.BINARY:
        if nanos % NANO == 0 and abs(nanos) >= 1024 * NANO:
            return _format_binary(nanos // NANO)
        form = Format.DECIMAL
    if nanos == 0:
        return "0"
    power = -9
    while nanos % 1000 == 0:
        nanos //= 1000
        power += 3
    if form is Format.EXPONENT:
        return f"{nanos}e{power}" if power else str(nanos)
    # There is no suffix above exa; Kubernetes then writes none (10**21 comes back as "1").
    return f"{nanos}{_DECIMAL_NAME.get(power, '')}"


def _format_binary(value: int) -> str:
    power = 0
    while value % 1024 == 0 and power < 6:
        value //= 1024
        power += 1
    return f"{value}{_BINARY_NAME[power]}"


def nano_value(text: str) -> int:
    """Return a quantity in units of 10**-9; the empty text is zero. Raises QuantityError."""
    if len(text) <= MEMO_TEXT_MAX:
        return _nanos(text)
    return parse_exact(text).nanos


@lru_cache(maxsize=MEMO_MAX)
def _nanos(text: str) -> int:
    """Read a short quantity once: the same few stand on every object."""
    return parse_exact(text).nanos if text else 0


def milli_value(text: str) -> int:
    """Return a quantity in thousandths, rounded away from zero (CPU). Raises QuantityError."""
    if text.isascii() and text.isdigit():
        return int(text) * 1000
    return _round_away(nano_value(text), _MILLI_IN_NANO)


def value(text: str) -> int:
    """Return a quantity in whole units, rounded away from zero (bytes). Raises QuantityError."""
    if text.isascii() and text.isdigit():
        return int(text)
    return _round_away(nano_value(text), NANO)


def _round_away(nanos: int, unit: int) -> int:
    return -(-nanos // unit) if nanos >= 0 else nanos // unit


def compare(left: str, right: str) -> int:
    """Return -1, 0 or 1 as the first quantity is less than, equal to or above the second."""
    first, second = nano_value(left), nano_value(right)
    return (first > second) - (first < second)


def from_milli(milli: int) -> str:
    """Write thousandths: 1500 is ``1500m``, 2000 is ``2``."""
    return format_nanos(milli * _MILLI_IN_NANO)


def from_bytes(count: int) -> str:
    """Write a count of bytes with binary suffixes: 2**20 is ``1Mi``."""
    return format_nanos(count * NANO, Format.BINARY)
