"""An API server in the test's own process, with its store in memory and a token asked for."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.apibench.ground import namespace_of
from bench.apibench.settings import Task
from bench.load.settings import Server
from cluster.apiserver.assembly import ServerConfig, assemble
from cluster.apiserver.authentication import BearerTokens
from cluster.apiserver.listener import bind, listen, url_of
from serialization.codecs.registry import CODECS
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions

TOKEN = "a-token-of-tests"
CLOCK = SystemClock()


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    """Serve; yield where, and the token."""
    config = ServerConfig(CODECS["protobuf"], CODECS["orjson"], authenticator=BearerTokens([TOKEN]))
    sock = bind("127.0.0.1", 0)
    async with (
        STORES["memory"].make(StoreOptions(data_dir=None, clock=CLOCK)) as store,
        assemble(store, config, CLOCK, random.Random(7)) as made,
        listen(made.app, sock, end_watches=made.fanout.shut_down),
    ):
        yield Server(url_of(sock), TOKEN)


@asynccontextmanager
async def ground(operation: str, codec: str, **options: int) -> AsyncIterator[Task]:
    """Serve, make a namespace; yield a small task in it."""
    async with served() as server, namespace_of(server, "t") as namespace:
        yield Task(
            server=server,
            namespace=namespace,
            operation=operation,
            codec=codec,
            connections=options.get("connections", 3),
            directory="",
            count=options.get("count", 30),
            pods=options.get("pods", 0),
        )
