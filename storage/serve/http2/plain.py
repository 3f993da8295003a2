"""Pages on the port of gRPC, that people and probes GET; over HTTP/1.1 one to a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, NamedTuple

HEAD_BYTES_MAX: Final = 16 << 10
TEXT: Final = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """What is answered."""

    text: str
    content_type: str = TEXT
    status: HTTPStatus = HTTPStatus.OK


Pages = Callable[[str], Awaitable[Page]]
"""Told the path of a request, without its query."""

NOT_FOUND: Final = Page("404 page not found\n", status=HTTPStatus.NOT_FOUND)
NOT_ALLOWED: Final = Page("Method Not Allowed\n", status=HTTPStatus.METHOD_NOT_ALLOWED)
BAD_REQUEST: Final = Page("400 Bad Request", status=HTTPStatus.BAD_REQUEST)


async def page_for(pages: Pages, method: str, target: str) -> Page:
    """Return what a request is answered."""
    if method not in ("GET", "HEAD"):
        return NOT_ALLOWED
    return await pages(target.partition("?")[0])


class PlainRequest:
    """Gathers the head of a request, and answers it; then the connection is closed."""

    def __init__(self, transport: asyncio.Transport, pages: Pages) -> None:
        self._transport = transport
        self._pages = pages
        self._head = b""
        self.task: asyncio.Task[None] | None = None
        """Once the request is there."""

    def received(self, data: bytes) -> None:
        """Take more of the request."""
        if self.task is not None:
            return
        self._head += data
        if b"\r\n\r\n" in self._head or len(self._head) > HEAD_BYTES_MAX:
            self.task = asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        method, target = _asked(self._head)
        page = await page_for(self._pages, method, target) if method else BAD_REQUEST
        body = page.text.encode()
        head = (
            f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
            f"Content-Type: {page.content_type}\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + (b"" if method == "HEAD" else body))
        self._transport.close()


def _asked(head: bytes) -> tuple[str, str]:
    """Return method and target of a request; empty ones of what is none."""
    words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return "", ""
    return words[0], words[1]
