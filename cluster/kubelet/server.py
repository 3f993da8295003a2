"""The kubelets' HTTP face, for all nodes of a process: health and containers' logs. An ASGI app.

``GET /containerLogs/NAMESPACE/POD/CONTAINER`` with ``follow``, ``previous``, ``timestamps``,
``tailLines``, ``sinceSeconds``, ``sinceTime`` and ``limitBytes``, as an API server asks it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from cluster.client.asgi import Receive, Scope, Send
from cluster.client.interface import ObjectKey
from cluster.kubelet.log_options import log_options
from cluster.kubelet.log_stream import Log, Logs
from cluster.kubelet.transcript import LogError

LOGS: Final = "containerLogs"
PLAIN: Final = (b"content-type", b"text/plain; charset=utf-8")


class KubeletServer:
    """Answers for every node of a process; which one is meant follows from the pod."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"no {scope['type']} here")
        parts = scope["path"].strip("/").split("/")
        if scope["method"] not in {"GET", "HEAD"}:
            await _say(send, 405, "405: Method Not Allowed")
        elif parts == ["healthz"]:
            await _say(send, 200, "ok")
        elif parts[0] == LOGS and len(parts) == 4:
            key = ObjectKey(parts[1], parts[2])
            try:
                log = self._logs.find(key, parts[3], log_options(scope["query_string"]))
            except LogError as error:
                await _say(send, error.code, str(error))
                return
            await _stream(log, receive, send)
        else:
            await _say(send, 404, "404 page not found\n")


async def _say(send: Send, code: int, text: str) -> None:
    body = text.encode()
    headers = [PLAIN, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(log: Log, receive: Receive, send: Send) -> None:
    """Send a log until it ends or the client leaves."""
    await send({"type": "http.response.start", "status": 200, "headers": [PLAIN]})

    async def copy() -> None:
        async with aclosing(log.pieces()) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        leaving.cancel()

    async def leave() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        copying.cancel()

    async with asyncio.TaskGroup() as group:
        copying = group.create_task(copy())
        leaving = group.create_task(leave())
    if not copying.cancelled():
        await send({"type": "http.response.body", "body": b""})
