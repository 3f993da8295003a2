"""A request on ``/v2/keys`` as the engine knows it, or why it is none: checks as etcd makes them.

Each check has its place in a row, since a request that fails two is told of the first.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.model import Method, Request
from storage.serve.etcd2.forms import Form

UINT64_MAX: Final = (1 << 64) - 1
_TRUE: Final = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_DIGITS: Final = re.compile("[0-9]+", re.ASCII)
_NS: Final = 1_000_000_000
METHODS: Final = {"PUT": Method.PUT, "POST": Method.POST, "DELETE": Method.DELETE}


class Asked(NamedTuple):
    """What a request on a key asks for. Of a read only path, recursive, sorted matter."""

    request: Request
    wait: bool = False
    stream: bool = False
    since: int = 0
    quorum: bool = False
    no_value: bool = False
    """``noValueOnSuccess``: a write is answered without nodes."""


def key_request(method: str, path: str, form: Form, now_ns: int) -> Asked:
    """Return what is asked of ``path``, the store's own. Raises Etcd2Error, of index 0.

    ``now_ns`` is the wall time that a TTL counts from.
    """
    verb = METHODS.get(method, Method.QGET)
    if not form:
        return Asked(Request(verb, path))
    if len(form) == 1 and "value" in form:
        return Asked(Request(verb, path, form["value"]))
    previous_index = _index(form, "prevIndex")
    since = _index(form, "waitIndex")
    flags = {
        name: _flag(form, name)
        for name in ("recursive", "sorted", "wait", "dir", "quorum", "stream")
    }
    if flags["wait"] and method != "GET":
        raise Etcd2Error(Code.INVALID_FIELD, '"wait" can only be used with GET requests')
    previous_value = form.get("prevValue", "")
    if not previous_value and "prevValue" in form:
        raise Etcd2Error(Code.PREV_VALUE_REQUIRED, '"prevValue" cannot be empty')
    no_value = _flag(form, "noValueOnSuccess")
    ttl_s = _ttl_s(form)
    previous_exists = _optional(form, "prevExist")
    refresh = _optional(form, "refresh")
    if refresh:
        _check_refresh(form, ttl_s)
    request = Request(
        verb,
        path,
        form.get("value", ""),
        flags["dir"],
        previous_value,
        previous_index,
        previous_exists,
        0 if ttl_s is None else _signed64(now_ns + _signed64(ttl_s * _NS)),
        flags["recursive"],
        flags["sorted"],
        refresh,
    )
    return Asked(request, flags["wait"], flags["stream"], since, flags["quorum"], no_value)


def _check_refresh(form: Form, ttl_s: int | None) -> None:
    if form.get("value"):
        raise Etcd2Error(Code.REFRESH_VALUE, "A value was provided on a refresh")
    if ttl_s is None:
        raise Etcd2Error(Code.REFRESH_TTL_REQUIRED, "No TTL value set")


def _index(form: Form, name: str) -> int:
    if name not in form:
        return 0
    number = _number(form[name])
    if number is None:
        raise Etcd2Error(Code.INDEX_NAN, f'invalid value for "{name}"')
    return number


def _ttl_s(form: Form) -> int | None:
    if not form.get("ttl"):
        return None
    number = _number(form["ttl"])
    if number is None:
        raise Etcd2Error(Code.TTL_NAN, 'invalid value for "ttl"')
    return number


def _number(text: str) -> int | None:
    """Return an unsigned number of 64 bits; None of what is none."""
    if _DIGITS.fullmatch(text) is None or len(text) > 1000:
        return None
    number = int(text)
    return number if number <= UINT64_MAX else None


def _flag(form: Form, name: str) -> bool:
    text = form.get(name)
    if text is None or text in _FALSE:
        return False
    if text not in _TRUE:
        raise Etcd2Error(Code.INVALID_FIELD, f'invalid value for "{name}"')
    return True


def _optional(form: Form, name: str) -> bool | None:
    text = form.get(name)
    if text is None:
        return None
    if text not in _TRUE and text not in _FALSE:
        raise Etcd2Error(Code.INVALID_FIELD, f"invalid value for {name}")
    return text in _TRUE


def _signed64(number: int) -> int:
    """Return what a signed integer of 64 bits makes of it: a TTL of centuries wraps around."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
