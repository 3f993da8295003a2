"""A network that loses requests, loses answers, dawdles and tears streams, as a seed has it."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from cluster.client.exchange import BodyStream, Exchange, NotSentError, Request, Response
from cluster.client.interface import TransportError

LOST: Final = 0.04
"""The part of requests that do not arrive; as many arrive and are not answered."""
DELAY_S_MAX: Final = 0.05
STREAM_S_MEAN: Final = 60.0


class FaultyExchange:
    """An ``Exchange`` over a worse network than the one it is given."""

    def __init__(self, inner: Exchange, chance: random.Random) -> None:
        self._inner = inner
        self._chance = chance

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        fate = self._chance.random()
        await asyncio.sleep(self._chance.uniform(0, DELAY_S_MAX))
        if fate < LOST:
            raise NotSentError("a fault of the network's: lost on the way there")
        response = await self._inner.request(request, timeout_s=timeout_s)
        if fate < 2 * LOST:
            raise TransportError("a fault of the network's: lost on the way back")
        return response

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> BodyStream:
        torn_s = self._chance.expovariate(1 / STREAM_S_MEAN)
        if self._chance.random() < LOST:
            raise NotSentError("a fault of the network's: no stream")
        lifetime_s = min(torn_s, lifetime_s or torn_s)
        return await self._inner.open_stream(request, timeout_s=timeout_s, lifetime_s=lifetime_s)

    def close(self) -> None:
        self._inner.close()
