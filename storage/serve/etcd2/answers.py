"""Events, nodes and errors as JSON, byte for byte as a real etcd 2 writes them.

Go's encoder escapes more than JSON asks for (``<``, ``>``, ``&``, two line separators) and knows no
short form of backspace and form feed. orjson writes the strings; what Go has otherwise is mended
where it occurs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from storage.etcd2.errors import MESSAGES, Code, Etcd2Error
from storage.etcd2.model import KEYS, Event, Node

PREFIX: Final = len(KEYS)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS: Final = 1_000_000_000
_MENDED: Final = {
    b"<": b"\\u003c",
    b">": b"\\u003e",
    b"&": b"\\u0026",
    b"\xe2\x80\xa8": b"\\u2028",
    b"\xe2\x80\xa9": b"\\u2029",
    b"\\b": b"\\u0008",
    b"\\f": b"\\u000c",
}
_ODD: Final = re.compile(rb"\\.|[<>&]|\xe2\x80[\xa8\xa9]")
_LONE: Final = re.compile("[\ud800-\udfff]")
STATUS: Final = {
    Code.KEY_NOT_FOUND: 404,
    Code.NOT_FILE: 403,
    Code.DIR_NOT_EMPTY: 403,
    Code.UNAUTHORIZED: 401,
    Code.TEST_FAILED: 412,
    Code.NODE_EXIST: 412,
    Code.RAFT_INTERNAL: 500,
    Code.LEADER_ELECT: 500,
}
"""Of errors that are not a 400."""
_WITHOUT_NODES: Final = frozenset(("set", "create", "update", "compareAndSwap"))


def text_json(text: str) -> bytes:
    """Return a string as Go's encoder has it."""
    try:
        told = orjson.dumps(text)
    except TypeError:  # somebody else has written it, and it is no text
        text = _LONE.sub("\ufffd", text)
        told = orjson.dumps(text)
    # A character of the text at a time: to look for two bytes of the JSON costs ten times as much.
    if (
        "<" in text
        or ">" in text
        or "&" in text
        or "\b" in text
        or "\f" in text
        or "\u2028" in text
        or "\u2029" in text
    ):
        return _ODD.sub(_mend, told)
    return told


def event_json(event: Event, *, no_value: bool = False) -> bytes:
    """Return an event, a line."""
    action, node, previous = event[0], event[1], event[2]
    if no_value and action in _WITHOUT_NODES:
        return b'{"action":"%b"}\n' % action.encode()
    if previous is None:
        return b'{"action":"%b","node":%b}\n' % (action.encode(), node_json(node))
    return b'{"action":"%b","node":%b,"prevNode":%b}\n' % (
        action.encode(),
        node_json(node),
        node_json(previous),
    )


def node_json(node: Node) -> bytes:
    """Return a node and all that was asked for below it; what is zero or empty is left out."""
    key, value, is_dir, created, modified, expires_ns, _, nodes = node
    if value is not None and not is_dir and not expires_ns and created:
        return b'{"key":%b,"value":%b,"modifiedIndex":%d,"createdIndex":%d}' % (
            text_json(key[PREFIX:]),
            text_json(value),
            modified,
            created,
        )
    if nodes:
        before, after = _around(node)
        return before + b",".join(map(node_json, nodes)) + after
    fields = _fields(node)
    if modified:
        fields.append(b'"modifiedIndex":%d' % modified)
    if created:
        fields.append(b'"createdIndex":%d' % created)
    return b"{%b}" % b",".join(fields)


def listing_json(event: Event) -> Iterator[bytes]:
    """Yield what ``event_json`` returns, about a node at a time; joined, it is the same.

    Nothing is rendered before it is asked for. The event is one without a node before it.
    """
    assert event.previous is None
    before, after = _around(event.node)
    yield b'{"action":"%b","node":%b' % (event.action.encode(), before)
    opened = [(iter(event.node.nodes or ()), after)]
    comma = b""
    while opened:
        nodes, after = opened[-1]
        for node in nodes:
            if node[7]:
                before, after = _around(node)
                yield comma + before
                opened.append((iter(node[7]), after))
                comma = b""
                break
            yield comma + node_json(node)
            comma = b","
        else:
            opened.pop()
            comma = b","
            yield after
    yield b"}\n"


def _around(node: Node) -> tuple[bytes, bytes]:
    """Return what stands before and behind the nodes of a directory."""
    before = b",".join((*_fields(node), b'"nodes":['))
    after = b"]"
    if node.modified:
        after += b',"modifiedIndex":%d' % node.modified
    if node.created:
        after += b',"createdIndex":%d' % node.created
    return b"{" + before, after + b"}"


def _fields(node: Node) -> list[bytes]:
    """Return what is told of a node before its nodes."""
    key, value, is_dir, _, _, expires_ns, ttl_s, _ = node
    fields = []
    if len(key) > PREFIX:
        fields.append(b'"key":' + text_json(key[PREFIX:]))
    if value is not None:
        fields.append(b'"value":' + text_json(value))
    if is_dir:
        fields.append(b'"dir":true')
    if expires_ns:
        fields.append(b'"expiration":"%b"' % time_text(expires_ns).encode())
    if ttl_s:
        fields.append(b'"ttl":%d' % ttl_s)
    return fields


def error_json(error: Etcd2Error) -> bytes:
    """Return an error, a line."""
    cause = error.cause
    if cause.startswith(KEYS):  # whatever is said of a key begins with it
        cause = cause[PREFIX:]
    told = b'{"errorCode":%d,"message":%b' % (error.code, text_json(MESSAGES[error.code]))
    if cause:
        told += b',"cause":' + text_json(cause)
    return told + b',"index":%d}\n' % error.index


def time_text(ns: int) -> str:
    """Return wall time in RFC 3339, with as many digits of a second as it needs.

    >>> time_text(1_500_000_000_120_000_000)
    '2017-07-14T02:40:00.12Z'
    """
    seconds, rest = divmod(ns, _NS)
    told = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{told}{fraction}Z"


def _mend(odd: re.Match[bytes]) -> bytes:
    return _MENDED.get(odd[0], odd[0])
