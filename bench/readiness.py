"""Waiting until an API server says that it is ready."""

from __future__ import annotations

import asyncio
from typing import Final

from cluster.client.exchange import Request
from cluster.client.interface import TransportError
from cluster.client.transport import HttpTransport, TransportOptions
from storage.clock import Clock

READY_S_MAX: Final = 60.0
RETRY_S: Final = 0.1


class NotReadyError(Exception):
    """The server did not become ready in time."""


async def wait_ready(url: str, clock: Clock, timeout_s: float = READY_S_MAX) -> None:
    """Return once GET /readyz answers 200. Raises NotReadyError."""
    said = "no answer"
    try:
        async with (
            asyncio.timeout(timeout_s),
            HttpTransport(TransportOptions(url), clock) as transport,
        ):
            while True:
                try:
                    answer = await transport.request(Request("GET", "/readyz"), timeout_s=timeout_s)
                except TransportError as error:
                    said = str(error)
                else:
                    if answer.code == 200:
                        return
                    said = f"HTTP {answer.code}"
                await asyncio.sleep(RETRY_S)
    except TimeoutError:
        raise NotReadyError(f"{url}/readyz is not ready after {timeout_s:g} s: {said}") from None
