"""Several API servers on one store, in this process and in virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import wraps
from random import Random
from typing import Protocol

from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from serialization.codecs.registry import CODECS
from storage.clock import Clock
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.apiserver.serving import Json, Reply, ask_app, body_of, scope_of, told_once
from tests.storage.shared.store import SharedView

JSON = {"content-type": "application/json"}


class Calls(Protocol):
    """Takes requests to a server, however they get there."""

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and return its answer."""
        ...


class Server:
    """One of the servers, and the view of the store that it has."""

    def __init__(self, view: SharedView, assembly: Assembly) -> None:
        self.view = view
        self.assembly = assembly

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request through ASGI and return its answer."""
        raw = b"" if body is None else json.dumps(body).encode()
        fields = dict(JSON if raw else {}) | dict(headers or {})
        scope = scope_of(method, path, fields)
        return await ask_app(self.assembly.app, scope, told_once(body_of(raw)))

    async def create(self, path: str, obj: object) -> Json:
        """POST an object that is sound; return it as stored."""
        reply = await self.call("POST", path, obj)
        assert reply.code == 201, reply.body
        return reply.json()

    @property
    def counters(self) -> Mapping[str, float]:
        return self.assembly.counters()


class Several:
    """API servers over views of one store."""

    def __init__(self, truth: Store, servers: list[Server], clock: Clock) -> None:
        self.truth = truth
        self.servers = servers
        self.clock = clock


@asynccontextmanager
async def several(
    count: int = 2, *, truth: Store | None = None, seed: int = 7
) -> AsyncIterator[Several]:
    """Run some API servers on one store while entered; all have the same seed."""
    clock = VirtualClock()
    chosen = truth or STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True))
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(chosen)
        servers = []
        for number in range(count):
            view = await stack.enter_async_context(SharedView(opened, Random(number)))
            config = ServerConfig(CODECS["protobuf"])
            config = replace(config, cache=replace(config.cache, wait_s=3.0))
            assembly = await stack.enter_async_context(assemble(view, config, clock, Random(seed)))
            servers.append(Server(view, assembly))
        yield Several(opened, servers, clock)


def virtual(scenario: Callable[..., Coroutine[object, object, None]]) -> Callable[..., None]:
    """Run a test's coroutine in virtual time."""

    @wraps(scenario)
    def run(**given: object) -> None:
        run_virtual(scenario(**given))

    return run
