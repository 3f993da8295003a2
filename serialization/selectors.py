"""Label selectors and field selectors: read, and matched against objects.

``a=b``, ``a==b``, ``a!=b``, ``a in (b,c)``, ``a notin (b)``, ``a``, ``!a``, ``a>1``, ``a<1``; all
that are joined by commas must hold. ``!=`` and ``notin`` also match objects without the key. Field
selectors know ``=``, ``==`` and ``!=`` only. The messages of errors are Kubernetes'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from serialization.api.meta.v1_pb2 import LabelSelector as LabelSelectorMessage
from serialization.labels import key_errors, value_errors


class SelectorError(ValueError):
    """A selector that cannot be read; the message says where and why."""


class Operator(StrEnum):
    """How a requirement compares."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    MISSING = "!"
    GREATER = ">"
    LESS = "<"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one key."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether these labels meet it."""
        value = labels.get(self.key)
        operator = self.operator
        if operator is Operator.IN:
            return value in self.values
        if operator is Operator.NOT_IN:
            return value is None or value not in self.values
        if operator is Operator.EXISTS:
            return value is not None
        if operator is Operator.MISSING:
            return value is None
        return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        (limit,) = self.values
        if not _is_integer(value):
            return False
        number, bound = int(value), int(limit)
        return number > bound if self.operator is Operator.GREATER else number < bound

    def __str__(self) -> str:
        if self.operator is Operator.EXISTS:
            return self.key
        if self.operator is Operator.MISSING:
            return f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.operator in (Operator.GREATER, Operator.LESS):
            return f"{self.key}{self.operator}{values}"
        if len(self.values) == 1:
            return f"{self.key}{'=' if self.operator is Operator.IN else '!='}{values}"
        return f"{self.key} {self.operator} ({values})"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that must all hold; without any it matches everything."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False
    """It matches nothing: what an absent (nil) selector of an object means."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is selected."""
        for requirement in self.requirements:  # a plain loop: this is tried on every watch event
            if not requirement.holds(labels):
                return False
        return not self.nothing

    def exact(self, key: str) -> str | None:
        """Return the only value of ``key`` that can match, or None where more can."""
        for one in self.requirements:
            if one.key == key and one.operator is Operator.IN and len(one.values) == 1:
                return next(iter(one.values))
        return None

    def __str__(self) -> str:
        return ",".join(str(one) for one in sorted(self.requirements, key=lambda one: one.key))


EVERYTHING: Final = LabelSelector()
NOTHING: Final = LabelSelector(nothing=True)


def parse_labels(text: str) -> LabelSelector:
    """Read a label selector. Raises SelectorError; the empty text selects everything."""
    return LabelSelector(tuple(_Parser(text).requirements()))


def of_map(labels: Mapping[str, str]) -> LabelSelector:
    """Return the selector of objects that carry all these labels (services, RCs)."""
    return LabelSelector(
        tuple(Requirement(key, Operator.IN, frozenset((labels[key],))) for key in sorted(labels))
    )


_MESSAGE_OPERATORS: Final = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.MISSING,
}


def of_message(message: LabelSelectorMessage | None) -> LabelSelector:
    """Return the selector of an object's field: none matches nothing, empty matches everything.

    Raises SelectorError for an operator that there is not.
    """
    if message is None:
        return NOTHING
    requirements = list(of_map(message.matchLabels).requirements)
    for each in message.matchExpressions:
        operator = _MESSAGE_OPERATORS.get(each.operator)
        if operator is None:
            raise SelectorError(f'"{each.operator}" is not a valid label selector operator')
        requirements.append(_requirement(each.key, operator, set(each.values)))
    return LabelSelector(tuple(requirements))


def _requirement(key: str, operator: Operator, values: set[str]) -> Requirement:
    """Check a requirement as Kubernetes does. Raises SelectorError."""
    _check_key(key)
    ordered = sorted(values)
    if operator in (Operator.IN, Operator.NOT_IN) and not values:
        raise SelectorError(
            "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"
        )
    if operator in (Operator.GREATER, Operator.LESS):
        if not _is_integer(ordered[0]):
            raise SelectorError(
                f'values[0]: Invalid value: "{ordered[0]}": '
                "for 'Gt', 'Lt' operators, the value must be an integer"
            )
    elif operator in (Operator.EXISTS, Operator.MISSING) and values:
        raise SelectorError("values: Invalid value: values set must be empty for exists")
    for index, value in enumerate(ordered):
        if errors := value_errors(value):
            raise SelectorError(
                f'values[{index}][{key}]: Invalid value: "{value}": {"; ".join(errors)}'
            )
    return Requirement(key, operator, frozenset(values))


def _check_key(key: str) -> None:
    if errors := key_errors(key):
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        raise SelectorError(f'<nil>: Invalid value: "{quoted}": {"; ".join(errors)}')


def _is_integer(text: str) -> bool:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isascii() and digits.isdigit()


_SYMBOLS: Final = frozenset("=!(),<>")
_WORDS: Final = frozenset(("in", "notin"))
_END: Final = ""
_OPERATORS: Final = {
    "in": Operator.IN,
    "=": Operator.IN,
    "==": Operator.IN,
    "notin": Operator.NOT_IN,
    "!=": Operator.NOT_IN,
    ">": Operator.GREATER,
    "<": Operator.LESS,
}


def _tokens(text: str) -> list[str]:
    """Cut a selector into names and symbols (``==``, ``!=`` whole), the end as empty text."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        end = at + 1
        if text[at] in _SYMBOLS:
            if text[at : at + 2] in ("==", "!="):
                end += 1
        else:
            while end < len(text) and text[end] not in _SYMBOLS and not text[end].isspace():
                end += 1
        tokens.append(text[at:end])
        at = end
    return [*tokens, _END]


def _is_name(token: str) -> bool:
    return token != _END and token[0] not in _SYMBOLS


class _Parser:
    """Reads the tokens of a label selector from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        token = self._next
        if token != _END:
            self._at += 1
        return token

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        if self._next == _END:
            return found
        if not (_is_name(self._next) or self._next == "!"):
            raise SelectorError(
                f"found '{self._next}', expected: !, identifier, or 'end of string'"
            )
        while True:
            try:
                found.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            token = self._take()
            if token == _END:
                return found
            if token != ",":
                raise SelectorError(f"found '{token}', expected: ',' or 'end of string'")
            if not (_is_name(self._next) or self._next == "!"):
                raise SelectorError(f"found '{self._next}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        missing = self._next == "!"
        if missing:
            self._take()
        key = self._take()
        if not _is_name(key):
            raise SelectorError(f"found '{key}', expected: identifier")
        _check_key(key)
        if missing:
            return Requirement(key, Operator.MISSING)
        if self._next in (_END, ","):
            return Requirement(key, Operator.EXISTS)
        sign = self._take()
        if sign not in _OPERATORS:
            raise SelectorError(f"found '{sign}', expected: in, notin, =, ==, !=, gt, lt")
        values = self._set() if sign in _WORDS else {self._value()}
        return _requirement(key, _OPERATORS[sign], values)

    def _value(self) -> str:
        if self._next in (_END, ","):
            return ""
        token = self._take()
        if not _is_name(token):
            raise SelectorError(f"found '{token}', expected: identifier")
        return token

    def _set(self) -> set[str]:
        if (token := self._take()) != "(":
            raise SelectorError(f"found '{token}' expected: '('")
        if not (_is_name(self._next) or self._next in (",", ")")):
            raise SelectorError(f"found '{self._next}', expected: ',', ')' or identifier")
        values: set[str] = set()
        while True:  # an empty place between commas is the empty value
            values.add(self._take() if _is_name(self._next) else "")
            token = self._take()
            if token == ")":
                return values
            if token != ",":
                raise SelectorError(f"found '{token}', expected: ',' or ')'")


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition on one field; ``equals`` false means ``!=``."""

    field: str
    value: str
    equals: bool = True


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Field requirements that must all hold; an absent field counts as empty."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Tell whether an object with these field values is selected."""
        for one in self.requirements:
            if (fields.get(one.field, "") == one.value) is not one.equals:
                return False
        return True

    def exact(self, field: str) -> str | None:
        """Return the only value of ``field`` that can match, or None where more can."""
        for one in self.requirements:
            if one.equals and one.field == field:
                return one.value
        return None

    def __str__(self) -> str:
        return ",".join(
            f"{one.field}{'=' if one.equals else '!='}{_escape(one.value)}"
            for one in self.requirements
        )


def parse_fields(text: str) -> FieldSelector:
    """Read a field selector. Raises SelectorError; which fields exist is the caller's to judge."""
    found: list[FieldRequirement] = []
    for term in _terms(text):
        if not term:
            continue
        field, sign, value = _split(term, text)
        value = _unescape(value)
        if field or value:  # Kubernetes takes a lone "=" and ignores it
            found.append(FieldRequirement(field, value, sign != "!="))
    return FieldSelector(tuple(found))


def _terms(text: str) -> list[str]:
    """Cut at commas that no backslash precedes."""
    terms, begin, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == ",":
            terms.append(text[begin:at])
            begin = at + 1
        at += 1
    return [*terms, text[begin:]]


def _split(term: str, text: str) -> tuple[str, str, str]:
    for at in range(len(term)):
        for sign in ("!=", "==", "="):
            if term.startswith(sign, at):
                return term[:at], sign, term[at + len(sign) :]
    raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")


def _unescape(value: str) -> str:
    out: list[str] = []
    rest = iter(value)
    for char in rest:
        if char == "\\":
            escaped = next(rest, "")
            if escaped not in ("\\", ",", "="):
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{escaped}")
            out.append(escaped)
        elif char in ",=":
            raise SelectorError(
                f"invalid field selector: unescaped character in value: {ord(char)}"
            )
        else:
            out.append(char)
    return "".join(out)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
