"""The ASGI shapes that the API server and the in-process exchange speak (HTTP only), typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypedDict

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
