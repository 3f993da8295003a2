"""Requests as hardly a client sends them, each of which once was answered unlike a real etcd.

They are what is sent, byte for byte, on a connection of its own. ``played`` adds a usual request,
of which the answer shows whether the connection stays, ceases to send, and returns all that comes.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from tests.storage.serve2.wire import Wire, request

GET: Final = request("GET", "/v2/keys/a")
FORM: Final = b"Content-Type: application/x-www-form-urlencoded\r\n"
PUT: Final = b"PUT /v2/keys/c HTTP/1.1\r\nHost: e\r\n" + FORM
IN_CHUNKS: Final = PUT + b"Transfer-Encoding: chunked\r\n\r\n"


def _get(*lines: bytes, first: bytes = b"GET /v2/keys/a HTTP/1.1") -> bytes:
    """Return a request of which lines are given."""
    return b"\r\n".join((first, *lines)) + b"\r\n\r\n"


def _first(*lines: bytes) -> tuple[bytes, ...]:
    """Return a request of each first line."""
    return tuple(_get(b"Host: e", first=line) for line in lines)


def _fields(*lines: bytes) -> tuple[bytes, ...]:
    """Return a request with each header."""
    return tuple(_get(b"Host: e", line) for line in lines)


BODIES: Final = (
    *(IN_CHUNKS + chunks for chunks in (b"3;a=b\r\nval\r\n4 \r\nue=x\r\n0\r\n\r\n",)),
    IN_CHUNKS + b"7\r\nvalue=x\r\n0\r\nBehind: 1\r\n\r\n",
    *(
        IN_CHUNKS + size + b"\r\nvalue=x\r\n0\r\n\r\n"
        for size in (b"", b"00", b" 7", b"0x7", b"07", b"0" * 17 + b"7", b"7;", b"zz", b"8")
    ),
    IN_CHUNKS + b"7\nvalue=x\n0\n\n",
    PUT.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n7\r\nvalue=x\r\n0\r\n\r\n",
    *(
        PUT + lines + b"\r\n\r\n7\r\nvalue=x\r\n0\r\n\r\n"
        for lines in (
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: CHUNKED\r\nContent-Length: 3",
        )
    ),
    PUT + b"Transfer-Encoding: identity\r\nContent-Length: 7\r\n\r\nvalue=x",
    *(
        PUT + b"Content-Length: " + length + b"\r\n\r\nvalue=x"
        for length in (b"7\r\nContent-Length: 7", b"7\r\nContent-Length: 8", b"7, 7", b"", b"  7  ")
    ),
    *(
        PUT + b"Content-Length: " + length + b"\r\n\r\n"
        for length in (b"-1", b"+7", b"x", b"9" * 20)
    ),
    *(
        b"%b HTTP/1.%d\r\nHost: e\r\n%bExpect: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (line, minor, FORM, expected, len(body), body)
        for line in (b"PUT /v2/keys/e", b"DELETE /v2/keys/e", b"PUT /none", b"POST /v2/members")
        for minor, expected, body in (
            (1, b"100-Continue", b"value=x"),
            (1, b"100-continue, x", b"value=y"),
            (1, b"100-continue", b""),
            (0, b"100-continue", b"value=z"),
        )
    ),
    *_fields(b"Expect: ", b"Expect: 200-ok", b"Expect: 100-continue"),
)
CUT_SHORT: Final = (
    IN_CHUNKS + b"7\r\nval",
    IN_CHUNKS + b"7\r\nvalue=x\r\n",
    PUT + b"Content-Length: 10\r\n\r\nvalue=x",
    b"GET /v2/keys/a HTTP/1.1\r\nHost: e\r\n",
    b"GET /v2/keys/a HTTP/1.1\r\nHost: e",
    b"GET /v2/keys/a HTTP/1.1",
    b"",
)
"""Nothing can follow these."""
HEADS: Final = (
    *_first(b"FOO /v2/keys/a HTTP/1.1", b"g /v2/members HTTP/1.1", b"PUT1 /none HTTP/1.1"),
    *_first(b"G-ET /v2/auth/users/ HTTP/1.1", b"FOO * HTTP/1.1", b"GET * HTTP/1.1"),
    *_first(b"POST /v2/auth/users/ HTTP/1.1", b"PATCH /v2/auth/roles/a/b HTTP/1.1"),
    *_first(b"F(O /v2/keys/a HTTP/1.1", b" /v2/keys/a HTTP/1.1", b"GET /v2/keys/a HTTP/1.2"),
    *_first(b"GET /v2/keys/a HTTP/2.0", b"GET /v2/keys/a HTTP/0.9", b"GET /v2/keys/a"),
    *_first(b"GET /v2/keys/a HTTP/x", b"GET /v2/keys/a http/1.1", b"GET /v2/keys/a HTTP/1.10"),
    *_first(b"GET  /v2/keys/a HTTP/1.1", b"GET /v2/keys/a  HTTP/1.1", b"GET /v2/keys/a HTTP/1.1 "),
    *_first(b"GET v2/keys/a HTTP/1.1", b"GET mailto:x HTTP/1.1", b"GET ftp://x/v2/keys/a HTTP/1.1"),
    *_first(b"GET http://e HTTP/1.1", b"GET http://e?x=y HTTP/1.1", b"CONNECT e:1 HTTP/1.1"),
    *_first(b"GET http://e:x/v2/keys/a HTTP/1.1", b"GET http://u:p@e/v2/keys/a HTTP/1.1"),
    *_first(b"GET http://[::1]:1/v2/keys/a HTTP/1.1", b"GET http://e/v2/keys//a HTTP/1.1"),
    *_first(b"GET /v2/keys/a\x01 HTTP/1.1", b"GET /v2/keys/a?x=\x7f HTTP/1.1"),
    *_first("GET /v2/keys/ä?x=ö HTTP/1.1".encode(), b"GET /v2/keys/%zz HTTP/1.1"),
    *_fields(b"Foo : x", b": x", b"Fo(o: x", b"Foo: x\x01", b"Foo: x\x00", b"F\xe9: x", b"Foo"),
    *_fields(b"Foo: x\ry", b"Foo: x\r\n y", "Foo: ö".encode(), b"Connection: x, Close", b"Host: f"),
    *_fields(b"Connection: keep-alive\r\nConnection: close", b"Connection: not-close"),
    *(_get(b"Host:" + host) for host in (b"", b" a b", b" a/b", b" \xff", b" [::1]:2")),
    _get(b" Host: e"),
    GET.replace(b"\r\n", b"\n"),
    GET.replace(b"etcd\r\n", b"etcd\n"),
    b"\r\n" + GET,
    GET + b"\r\n" + GET,
    GET + b"GARBAGE\r\n\r\n",
    GET + b"GET /v2/keys/a HTTP/2.0\r\nHost: e\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
)


def _put(path: str, body: bytes) -> bytes:
    return request("PUT", path, body, "Content-Type: application/json")


RECORDS: Final = (
    *(
        _put(f"/v2/auth/{kind}/{name}", body)
        for kind, name in (("users", "u"), ("roles", "r"))
        for body in (
            *(b"null", b"", b"x", b"[]", b'{"user":"v","roles":"x"}', b'{"user":"v","password":5}'),
            b'{"role":"x","permissions":5}',
            b'{"ROLE":"r","Permissions":{"kv":{"read":["/a"]}}} behind',
        )
    ),
    _put("/v2/auth/users/u", b'{"User":"u","PASSWORD":"secret"} behind'),
    *(request(method, "/v2/auth/users/") for method in ("GET", "PUT", "DELETE")),
    *(request(method, "/v2/auth/users/a/b") for method in ("GET", "POST")),
    *(
        request("POST", "/v2/members", body, "Content-Type: application/json")
        for body in (
            *(b"", b"x", b"null", b"{", b"[1]", b'{"peerURLs":"http://a:1"}', b'{"peerURLs":[5]}'),
            *(b'{"PeerURLs":["x"]}', b'{"peerURLs":["http://a:b"]}', b'{"peerURLs":[" http://a"]}'),
        )
        if body != b"[1]"
    ),
    *(
        _put("/config/local/log", body)
        for body in (b'{"level":"info"}', b'{"Level":"foo"}', b"{}", b"null", b"[]", b'{"Level":5}')
    ),
    request("GET", "/config/local/log"),
    request("HEAD", "/debug/vars"),
)
"""JSON bodies, read as Go reads them."""
TRIES: Final = 20
_OWN: Final = (
    re.compile(rb"(?m)^(Date|X-Etcd-Cluster-Id|X-Raft-\w+): [^\r]*"),
    re.compile(rb'()"(id|name)":"[^"]*"'),
)


def played(endpoint: str, requests: Iterable[bytes], *, alone: bool = False) -> list[list[bytes]]:
    """Send each; return the lines that came, in no order, without what belongs to a server.

    ``alone``: nothing is sent behind them.
    """
    told = []
    for each in requests:
        lines = b""
        for _ in range(TRIES):  # what a server did not read resets the connection, and its answer
            lines, reset = _received(endpoint, each if alone else each + GET)
            if lines or not reset:
                break
        for pattern in _OWN:
            lines = pattern.sub(rb"\1", lines)
        told.append(sorted(lines.split(b"\r\n")))
    return told


def _received(endpoint: str, data: bytes) -> tuple[bytes, bool]:
    """Send; return all that comes, and whether the connection was reset."""
    wire = Wire(endpoint)
    wire.send(data)
    try:
        with suppress(OSError):  # it may have ended already, and have said why
            wire.socket.shutdown(socket.SHUT_WR)
        while came := wire.socket.recv(1 << 16):
            wire.buffer += came
    except OSError:
        return wire.buffer, True
    finally:
        wire.close()
    return wire.buffer, False
