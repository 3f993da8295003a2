"""Random requests in HTTP, over random operations: spelled in many ways, some of them wrong."""

from __future__ import annotations

from random import Random
from typing import Final
from urllib.parse import quote, urlencode

from tests.storage.etcd2.random_operations import Operation
from tests.storage.serve2.wire import request

TRUE: Final = ("true", "true", "True", "TRUE", "t", "T", "1")
FALSE: Final = ("false", "False", "FALSE", "f", "F", "0")
WRONG: Final = (
    *("recursive=maybe", "sorted=", "wait=2", "dir=yes", "quorum=%00", "stream=TrUe"),
    *("prevExist=", "prevExist=x", "prevIndex=", "prevIndex=-1", "prevIndex=1e3"),
    *("prevIndex=18446744073709551616", "waitIndex=x", "prevValue=", "ttl=abc", "ttl=-1"),
    *("ttl=1.5", "noValueOnSuccess=2", "refresh=2", "refresh=true", "refresh=true&ttl=9&value=v"),
    *("value=%zz", "value=%", "%4=1", "a;b=1", "wait=true;recursive=true", "wait=%zz&wait=true"),
    *("prevIndex=+1", "prevIndex=%31x", "ttl=99999999999999999999", "refresh=1&value=1"),
)
"""Each fails a write; some fail every request."""
HARMLESS: Final = (
    *("unknown=1", "&&", "=", "=x", "value2=3", "noValueOnSuccess=true", "noValueOnSuccess=0"),
    *("ttl=", "waitIndex=0", "prevIndex=0", "stream=true", "quorum=false", "a%26b=c", "x+y=z"),
)
"""Of a write these change at most the answer."""


def spelled(chance: Random, operation: Operation) -> bytes:
    """Return an operation as a request: options in the body or the query, flags in any form."""
    pairs = list(operation.parameters().items())
    for place, (name, text) in enumerate(pairs):
        if name in ("value", "prevValue"):
            continue
        if text in ("true", "false") and chance.random() < 0.3:
            pairs[place] = (name, chance.choice(TRUE if text == "true" else FALSE))
    chance.shuffle(pairs)
    in_query: list[tuple[str, str]] = []
    in_body: list[tuple[str, str]] = []
    for pair in pairs:
        writes = operation.method in ("PUT", "POST")
        (in_body if writes and chance.random() < 0.7 else in_query).append(pair)
    query = urlencode(in_query)
    if chance.random() < 0.15:
        query += "&" + chance.choice(HARMLESS)
    body = urlencode(in_body).encode() if operation.method in ("PUT", "POST") else None
    path = "/v2/keys" + quote("" if operation.key == "/" else operation.key)
    if chance.random() < 0.05:
        path += "/"
    return request(operation.method, path + ("?" + query if query else ""), body)


def refused(chance: Random, operation: Operation) -> bytes:
    """Return a request around an operation that changes nothing, whatever is there."""
    path = "/v2/keys" + quote("" if operation.key == "/" else operation.key)
    draw = chance.random()
    if draw < 0.5:
        wrong = "&".join(chance.sample(WRONG, chance.choice((1, 1, 2))))
        method = chance.choice(("PUT", "POST", "DELETE"))
        if method == "DELETE" or chance.random() < 0.5:
            return request(method, f"{path}?{wrong}", None if method == "DELETE" else b"value=v")
        return request(method, path, wrong.encode())
    if draw < 0.6:
        return request("GET", f"{path}?{chance.choice(WRONG)}")
    methods, targets = chance.choice(
        (
            (("HEAD",), (path,)),
            (("PATCH", "OPTIONS", "TRACE", "PROPFIND"), (path,)),
            (("GET", "HEAD", "PUT", "DELETE"), ODD),
            (("PUT", "PATCH", "HEAD", "DELETE"), PAGES),
        )
    )
    return request(chance.choice(methods), chance.choice(targets))


ODD: Final = tuple(
    f"{path}?recursive=true"
    for path in ("/v2/keys//a", "/v2/./keys/a", "/v2/keys/a/../b", "/v2/keysa", "/v2")
)
PAGES: Final = ("/version", "/v2/stats/self", "/v2/stats/store", "/v2/stats/leader", "/v2/stats")
"""All of which know GET, at most."""
