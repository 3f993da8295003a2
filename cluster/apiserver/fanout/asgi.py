"""Watch streams through ASGI: for any server, the in-process transport, and as the ablation."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from cluster.apiserver.asgi import Receive, Send
from cluster.apiserver.fanout.chunk import Chunk
from cluster.apiserver.fanout.transport import Lender
from cluster.apiserver.fanout.writer import Listener

LOW_WATER_BYTES: Final = 256 * 1024
HAND_OVER_S: Final = 1.0
"""How long the end of a stream waits for a client that does not read."""


class AsgiWriter:
    """Hands what has gathered to ``send``, one call at a time (``StreamWriter``)."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        listener: Listener,
        buffer_max_bytes: int,
        lender: Lender | None = None,
    ) -> None:
        self.listener = listener
        self._lender = lender
        """ASGI does not tell a response that the server stops; our connections do."""
        self._receive = receive
        self._send = send
        self._limit = buffer_max_bytes
        self._low = min(LOW_WATER_BYTES, buffer_max_bytes // 2)
        self._gathered: list[bytes] = []
        self._buffered = 0
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._tasks = asyncio.TaskGroup()
        self._pump: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._finishing = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        if self._lender is not None:
            self._lender.lend(self)
        self._pump = self._tasks.create_task(self._pump_out())
        self._leaving = self._tasks.create_task(self._await_disconnect())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._lender is not None:
            self._lender.lend(None)
        self._finishing = True
        self._wake.set()
        assert self._pump is not None
        assert self._leaving is not None
        self._leaving.cancel()
        if kind is None:
            await asyncio.wait((self._pump,), timeout=HAND_OVER_S)
        self._pump.cancel()
        await self._tasks.__aexit__(kind, error, traceback)

    def write(self, chunk: Chunk) -> None:
        self._gathered.append(chunk.payload)
        self._buffered += len(chunk.payload)
        self._wake.set()
        if self._buffered > self._low:
            self._drained.clear()
            if self._buffered > self._limit:
                self.listener.overflowed()

    async def drain(self) -> None:
        await self._drained.wait()

    def held(self) -> None:
        """Take note of nothing: ``send`` waits by itself (``Borrower``)."""

    def resumed(self) -> None:
        """Take note of nothing, as above."""

    def release(self) -> None:
        self._drained.set()

    def abort(self) -> None:
        self._gathered.clear()
        if self._pump is not None:
            self._pump.cancel()

    async def _pump_out(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._gathered:
                body = b"".join(self._gathered)
                self._gathered.clear()
                await self._send({"type": "http.response.body", "body": body, "more_body": True})
                self._buffered -= len(body)
                if self._buffered <= self._low:
                    self._drained.set()
            if self._finishing:
                return

    async def _await_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._drained.set()
        self.listener.disconnected()
