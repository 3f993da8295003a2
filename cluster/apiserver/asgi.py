"""An answer, and how it leaves through ASGI; the shapes of ASGI itself are the client's."""

from __future__ import annotations

from typing import Final, NamedTuple

from cluster.client.asgi import Headers, Receive, RequestEvent, Scope, Send, SendEvent

__all__ = [
    "Answer",
    "Headers",
    "Receive",
    "RequestEvent",
    "Scope",
    "Send",
    "SendEvent",
    "send_answer",
]

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
