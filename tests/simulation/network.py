"""A network and an API server that fail as they do: requests lost, answers lost, refused, away.

The server behind it can be stopped and started again, on the same store: what it kept in memory is
gone then, every stream is torn, and until it is back nothing can be sent.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Final

from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.client.exchange import BodyStream, Exchange, NotSentError, Request, Response
from cluster.client.inprocess import InProcessExchange
from cluster.client.interface import TransportError
from serialization.codecs.registry import CODECS
from storage.interface import Store
from storage.virtual_time import VirtualClock

DELAY_S_MAX: Final = 0.02
STREAM_S_MEAN: Final = 30.0
REFUSALS: Final = ((429, 1), (429, 0), (503, 0), (500, 0), (504, 0))
"""Codes, and what Retry-After says with them."""


class Network:
    """An API server over a store, and the ways to it. The server starts with ``start``."""

    def __init__(self, store: Store, clock: VirtualClock, seed: int) -> None:
        self.store = store
        self._clock = clock
        self._seed = seed
        self.chance = random.Random(seed)
        self.trouble = 0.0
        """The part of requests that something happens to."""
        self._server = AsyncExitStack()
        self._exchange: InProcessExchange | None = None

    async def start(self) -> None:
        """Let an API server serve the store."""
        config = ServerConfig(CODECS["protobuf"])
        server = await self._server.enter_async_context(
            assemble(self.store, config, self._clock, random.Random(self._seed))
        )
        exchange = InProcessExchange(server.app, self._clock)
        self._exchange = await self._server.enter_async_context(exchange)

    async def stop(self) -> None:
        """Let it go, with all that is under way."""
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None
        await self._server.aclose()

    def exchange(self) -> InProcessExchange:
        """Return the way to the server as it is now. Raises NotSentError while it is away."""
        if self._exchange is None:
            raise NotSentError("connection refused")
        return self._exchange


class Way(Exchange):
    """One client's way to the server; troubled if the network is, unless it is a smooth one."""

    def __init__(self, network: Network, *, smooth: bool = False) -> None:
        self._network = network
        self._smooth = smooth

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        network = self._network
        if self._smooth:
            return await network.exchange().request(request, timeout_s=timeout_s)
        fate = network.chance.random()
        refusal = network.chance.choice(REFUSALS)
        await asyncio.sleep(network.chance.uniform(0, DELAY_S_MAX))
        if fate < network.trouble / 3:
            raise NotSentError("lost on the way there")
        if fate < network.trouble * 2 / 3:
            return _refused(*refusal)
        response = await network.exchange().request(request, timeout_s=timeout_s)
        await asyncio.sleep(network.chance.uniform(0, DELAY_S_MAX))
        if fate < network.trouble:
            raise TransportError("lost on the way back")
        return response

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> BodyStream:
        network = self._network
        if network.trouble and not self._smooth:
            torn_s = network.chance.expovariate(1 / STREAM_S_MEAN)
            lifetime_s = min(torn_s, lifetime_s or torn_s)
            if network.chance.random() < network.trouble:
                raise NotSentError("no stream")
        exchange = network.exchange()
        return await exchange.open_stream(request, timeout_s=timeout_s, lifetime_s=lifetime_s)

    def close(self) -> None:
        return


def _refused(code: int, retry_after_s: int) -> Response:
    return Response(code, "text/plain", b"trouble", 0, 0, 0, retry_after_s)
