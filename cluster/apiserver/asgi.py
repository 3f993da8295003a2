"""The ASGI shapes that this server uses, typed (HTTP only), and an answer in that form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple, TypedDict

Headers = list[tuple[bytes, bytes]]


class Scope(TypedDict):
    """One HTTP request, as ASGI hands it over."""

    type: str
    method: str
    path: str
    query_string: bytes
    headers: Headers
    extensions: dict[str, object]


class RequestEvent(TypedDict, total=False):
    """A piece of the body (``http.request``), or the client's leaving (``http.disconnect``)."""

    type: str
    body: bytes
    more_body: bool


class SendEvent(TypedDict, total=False):
    """The head of an answer (``http.response.start``) or a piece of its body."""

    type: str
    status: int
    headers: Headers
    body: bytes
    more_body: bool


Receive = Callable[[], Awaitable[RequestEvent]]
Send = Callable[[SendEvent], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

NO_STORE: Final = (b"cache-control", b"no-cache, private")


class Answer(NamedTuple):
    """A whole answer; ``pieces`` are sent one by one (a list of 60,000 pods has many)."""

    code: int
    media_type: bytes
    body: bytes = b""
    pieces: Iterable[bytes] | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


async def send_answer(send: Send, answer: Answer) -> int:
    """Send an answer, return the size of its body in bytes."""
    code, media_type, body, pieces, more = answer
    headers = [(b"content-type", media_type), NO_STORE, *more]
    if pieces is None:
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return len(body)
    size = 0
    await send({"type": "http.response.start", "status": code, "headers": headers})
    for piece in pieces:
        size += len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    return size
