"""The ASGI shapes that this server uses, typed (HTTP only), and an answer in that form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
    """A whole answer."""

    code: int
    media_type: bytes
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


async def send_answer(send: Send, answer: Answer) -> int:
    """Send an answer, return the size of its body in bytes."""
    code, media_type, body, more = answer
    headers = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        NO_STORE,
        *more,
    ]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return len(body)
