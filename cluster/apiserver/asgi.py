"""An answer, and how it leaves through ASGI; the shapes of ASGI itself are the client's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, cast

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

ANSWER: Final = "kubedyno.answer"
"""The extension of a scope under which a connection offers a ``Whole``."""
NO_STORE: Final = (b"cache-control", b"no-cache, private")


class Answer(NamedTuple):
    """A whole answer."""

    code: int
    media_type: bytes
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


Whole = Callable[[Answer], bool]
"""Writes a whole answer at once; False where it must go through ``send``."""


async def send_answer(scope: Scope, send: Send, answer: Answer) -> int:
    """Send an answer, return the size of its body in bytes.

    A connection that writes whole answers is given it as it is (who wraps ``send`` takes the
    extension out); where it declines, and on any other server, it goes through ``send``.
    """
    extensions = scope.get("extensions")
    whole = extensions.get(ANSWER) if extensions else None
    if whole is not None and cast("Whole", whole)(answer):
        return len(answer.body)
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
