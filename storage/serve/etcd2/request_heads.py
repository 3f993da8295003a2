"""The head of a request, read as Go's server reads it: what it takes, ours takes.

A head is lines up to an empty one; a line may end without a carriage return, and go on in the next
one behind a space. What is no head is refused in Go's words, and is the last of its connection.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from storage.serve.etcd2.heads import failure, unsupported
from storage.serve.etcd2.targets import path_of

CHUNKED: Final = -1
"""In place of a length: the body comes in chunks."""
LENGTH_MAX: Final = (1 << 63) - 1
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE: Final = re.compile(rb"([^ ]*) ([^ ]*) HTTP/([0-9])\.([0-9])")
_ODD_TARGET: Final = re.compile(rb"[^!-~]")
_CONTROL: Final = re.compile(rb"[\x00-\x20\x7f]")
_PLAIN: Final = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)*")
"""Headers of which none is odd: no other character, line end, or continuation."""
_ODD_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HOST: Final = re.compile(rb"[!$%&()*+,\-.:;=\[\]'_~0-9A-Za-z]*")
_CLOSE: Final = re.compile(rb"(?:^|[ ,\t])close(?:$|[ ,\t])", re.IGNORECASE)
_KEEP: Final = re.compile(rb"(?:^|[ ,\t])keep-alive(?:$|[ ,\t])", re.IGNORECASE)
_CONTINUE: Final = re.compile(rb"(?:^|[ ,\t])100-continue(?:$|[ ,\t])", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"[0-9]+")
_SPACE: Final = b" \t"
_METHODS: Final = {
    each.encode(): each for each in ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH")
}

Named = dict[bytes, bytes]
"""The first value of each header, by its name in lower case."""


class HeadError(Exception):
    """What was sent is no request; ``payload`` is the last answer, empty: nothing is said."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload)
        self.payload = payload


class Fields(NamedTuple):
    """What the headers of a request say."""

    named: Named
    length: int
    """Of the body; ``CHUNKED``."""
    closes: bool
    """Whether it is the last request of its connection."""
    expects: bool
    """Whether the client waits to be told to send the body."""
    unmet: bool
    """Whether it expects what nobody does."""


class Line(NamedTuple):
    """The first line of a request."""

    method: str
    target: bytes
    """Without control characters and spaces; ASCII."""
    new: bool
    """HTTP/1.1, not 1.0."""


def is_first_line(line: bytes) -> bool:
    """Tell whether a connection may begin with a line: etcd's port speaks other protocols too."""
    found = _LINE.fullmatch(line)
    return found is not None and found[3] == b"1"


def read_line(line: bytes) -> Line:
    """Return what the first line says. Raises HeadError."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise HeadError(failure(400))
    raw, target, major, minor = found.groups()
    method = _METHODS.get(raw)
    if method is None:
        if _TOKEN.fullmatch(raw) is None:
            raise HeadError(failure(400))
        method = raw.decode("ascii")
    if target[:1] != b"/" and not _is_target(target, method):
        raise HeadError(failure(400))
    if _ODD_TARGET.search(target) is not None:
        if _CONTROL.search(target) is not None:
            raise HeadError(failure(400))
        target = b"".join(b"%%%02X" % each if each > 0x7F else bytes((each,)) for each in target)
    if major != b"1":
        raise HeadError(failure(505, "unsupported protocol version"))
    return Line(method, target, minor != b"0")


def _is_target(target: bytes, method: str) -> bool:
    path = target.partition(b"?")[0]
    return target == b"*" or path_of(path, connects=method == "CONNECT") is not None


def read_fields(raw: bytes, *, new: bool, connects: bool = False) -> Fields:
    """Return what headers say; ``raw`` are their lines, each with its end. Raises HeadError.

    ``connects``: the method is CONNECT, which needs no host.
    """
    plain = _PLAIN.fullmatch(raw) is not None
    lines = raw.split(b"\r\n")[:-1] if plain else _unfolded(raw)
    named: Named = {}
    several: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.lower()
        value = value.strip(_SPACE)
        if name in named:
            several.setdefault(name, [named[name]]).append(value)
        elif name:
            named[name] = value
    if b"host" in several:
        raise HeadError(failure(400))
    length = _length(named, several, new=new)
    _check_host(named, needed=new and not connects)
    if not plain:
        _check_fields(lines)
    connection = b",".join(several.get(b"connection", ())) or named.get(b"connection", b"")
    closes = False
    if connection or not new:
        closes = _CLOSE.search(connection) is not None or not (new or _KEEP.search(connection))
    expect = named.get(b"expect", b"")
    expects = bool(expect) and _CONTINUE.search(expect) is not None
    unmet = bool(expect) and not expects
    return Fields(named, length, closes, expects and new and length != 0, unmet)


def _length(named: Named, several: dict[bytes, list[bytes]], *, new: bool) -> int:
    coding = named.get(b"transfer-encoding")
    if coding is not None and new:
        if b"transfer-encoding" in several or coding.lower() != b"chunked":
            raise HeadError(unsupported())
        return CHUNKED
    told = named.get(b"content-length")
    if not told:
        return 0
    if len(set(several.get(b"content-length", ()))) > 1 or _DIGITS.fullmatch(told) is None:
        raise HeadError(failure(400))
    if len(told) > 1000 or (length := int(told)) > LENGTH_MAX:
        raise HeadError(failure(400))
    return length


def _check_host(named: Named, *, needed: bool) -> None:
    host = named.get(b"host")
    if host is None:
        if needed:
            raise HeadError(failure(400, "missing required Host header"))
    elif _HOST.fullmatch(host) is None:
        raise HeadError(failure(400, "malformed Host header"))


def _unfolded(raw: bytes) -> list[bytes]:
    """Return the lines of odd headers, each on one line. Raises HeadError."""
    lines: list[bytes] = []
    for line in raw.split(b"\n")[:-1]:
        line = line.removesuffix(b"\r")  # noqa: PLW2901
        if line[:1] not in (b" ", b"\t"):
            lines.append(line)
        elif lines:
            lines[-1] = lines[-1].rstrip(_SPACE) + b" " + line.strip(_SPACE)
        else:
            raise HeadError(failure(400))
    if not all(b":" in line for line in lines):
        raise HeadError(failure(400))
    return lines


def _check_fields(lines: list[bytes]) -> None:
    for line in lines:
        name, _, value = line.partition(b":")
        if name and _TOKEN.fullmatch(name) is None:
            raise HeadError(failure(400, "invalid header name"))
        if _ODD_VALUE.search(value.strip(_SPACE)) is not None:
            raise HeadError(failure(400, "invalid header value"))
