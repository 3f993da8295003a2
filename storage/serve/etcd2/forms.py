"""What a request says beside its path: the query and a form in the body, read as Go reads them.

etcd 2 takes an option from either, the body first. What is not well formed fails the request as a
whole, with the words of Go's ``net/url``, which etcd passes on as the cause of error 210.

Text is Unicode here, where Go has bytes: each byte that is not UTF-8 becomes U+FFFD on its way in,
which is what etcd's JSON makes of it on its way out.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

FORM: Final = b"application/x-www-form-urlencoded"
FORM_BYTES_MAX: Final = 10 << 20
"""Go's own bound of a form in a body."""
OPTIONS_MAX: Final = 10_000
"""In a query or a body; Go has no bound, and works for seconds on a body of nothing else."""

_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PARAMETER: Final = re.compile(
    rb"\s*;\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*"
    rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|\"(?:[^\"\\\r\n]|\\.)*\")"
)
_NO_MORE: Final = re.compile(rb"\s*;?\s*\Z")
_LONE: Final = re.compile("[\udc80-\udcff]")

Form = dict[str, str]
"""The first value of each option."""


class FormError(Exception):
    """A query or a body is not well formed; the message is Go's."""


def text_of(raw: bytes) -> str:
    """Return text for bytes of which not all may be UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _LONE.sub("\ufffd", raw.decode(errors="surrogateescape"))


def unescaped(raw: bytes) -> bytes:
    """Undo percent escapes. Raises FormError."""
    if b"%" not in raw:
        return raw
    bad = _ESCAPE.search(raw)
    if bad is not None:
        raise FormError(f"invalid URL escape {quoted(raw[bad.start() : bad.start() + 3])}")
    return unquote_to_bytes(raw)


def parse_form(query: bytes, body: bytes = b"") -> Form:
    """Return the options of both, those of the body before those of the query.

    Raises FormError: the body's fault before the query's.
    """
    form: Form = {}
    if body:
        _read(body, form)
    if query:
        _read(query, form)
    return form


def is_form(content_type: bytes) -> bool:
    """Tell whether a body of that type is read as a form. Raises FormError for what is no type."""
    if content_type == FORM or not content_type:
        return bool(content_type)
    kind = content_type.partition(b";")[0].strip().lower()
    _check_type(kind)
    named: set[bytes] = set()
    place = content_type.find(b";") % (len(content_type) + 1)  # without any: its end
    while _NO_MORE.match(content_type, place) is None:
        parameter = _PARAMETER.match(content_type, place)
        if parameter is None:
            raise FormError("mime: invalid media parameter")
        name = parameter[1].lower()
        if name in named:
            raise FormError("mime: duplicate parameter name")
        named.add(name)
        place = parameter.end()
    return kind == FORM


def _check_type(kind: bytes) -> None:
    """Raise FormError, in the words of Go's ``mime``, for what is no media type."""
    first = _TOKEN.match(kind)
    if first is None:
        raise FormError("mime: no media type")
    rest = kind[first.end() :]
    if not rest:
        return
    if rest[:1] != b"/":
        raise FormError("mime: expected slash after first token")
    second = _TOKEN.match(rest, 1)
    if second is None:
        raise FormError("mime: expected token after slash")
    if second.end() < len(rest):
        raise FormError("mime: unexpected content after media subtype")


def _read(raw: bytes, form: Form) -> None:
    fault: FormError | None = None
    pairs = raw.split(b"&", OPTIONS_MAX)
    if len(pairs) > OPTIONS_MAX:
        raise FormError("too many options")
    for pair in pairs:
        if b";" in pair:
            fault = FormError("invalid semicolon separator in query")  # told before all else
            continue
        name, _, value = pair.partition(b"=")
        if not pair:
            continue
        try:
            key = text_of(unescaped(name.replace(b"+", b" ")))
            text = text_of(unescaped(value.replace(b"+", b" ")))
        except FormError as error:
            fault = fault or error
        else:
            form.setdefault(key, text)
    if fault is not None:
        raise fault


def quoted(raw: bytes) -> str:
    """Return bytes as Go quotes a string."""
    told = []
    for character in raw.decode(errors="surrogateescape"):
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:
            told.append(f"\\x{code - 0xDC00:02x}")
        elif character in '"\\':
            told.append(f"\\{character}")
        elif character in "\n\r\t\a\b\f\v":
            told.append(repr(character)[1:-1] if character in "\n\r\t" else _SHORT[character])
        elif code < 0x20 or code == 0x7F:
            told.append(f"\\x{code:02x}")
        else:
            told.append(character)
    return '"' + "".join(told) + '"'


_SHORT: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
