"""A served engine of etcd 2 in a thread of the test's process, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import uvloop

from storage.clock import SystemClock
from storage.etcd2.engine import Etcd2Engine
from storage.etcd2.interface import KeysApi
from storage.etcd2.opening import etcd2_engine
from storage.serve.etcd2.server import Listener, listening
from storage.serve.etcd2.serving import Serving
from storage.serve.etcd3.server import Address
from storage.serve.etcd3.tls import TlsFiles

T = TypeVar("T")
PATIENCE_S = 20.0


@dataclass
class Served:
    """What is served, and how to reach into its loop."""

    store: KeysApi
    loop: asyncio.AbstractEventLoop
    listener: Listener
    serving: Serving
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def endpoint(self) -> str:
        """Return ``host:port``, or the path of its socket."""
        return self.listener.target.removeprefix("unix:")

    def on_loop(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Run something on the server's loop; return what it returns."""

        async def asked() -> T:
            return await ask()

        return asyncio.run_coroutine_threadsafe(asked(), self.loop).result(PATIENCE_S)

    def counted(self, name: str) -> int:
        """Return what the engine has counted under a name of etcd's."""

        async def counted() -> int:
            assert self.serving.statistics is not None
            return self.serving.statistics()[name]

        return self.on_loop(counted)

    def watchers(self) -> int:
        """Return how many watches are being answered."""

        async def counted() -> int:
            return self.listener.watchers

        return self.on_loop(counted)


@contextmanager
def served(
    target: str = "127.0.0.1:0",
    *,
    tls: TlsFiles | None = None,
    data_dir: Path | None = None,
    store: KeysApi | None = None,
    connections_max: int = 0,
    idle_s_max: float = 0.0,
) -> Iterator[Served]:
    """Serve an engine, in memory unless a directory or a store is given, until the end."""
    ready: list[Served] = []
    failed: list[BaseException] = []
    started = threading.Event()

    async def within() -> None:
        clock = SystemClock()
        engine = store or etcd2_engine(data_dir, clock=clock)
        async with engine, listening(Address(target, tls)) as listener:
            if connections_max:
                listener.connections_max = connections_max
            if idle_s_max:
                listener.idle_s_max = idle_s_max
            own = engine if isinstance(engine, Etcd2Engine) else None
            serving = Serving(
                engine,
                clock,
                client_urls=(listener.url,),
                log_index=None if own is None else own.log_index,
                statistics=None if own is None else own.statistics,
            )
            await listener.serve(serving)
            here = Served(engine, asyncio.get_running_loop(), listener, serving)
            ready.append(here)
            started.set()
            await here.stop.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(within())
        except BaseException as error:  # noqa: BLE001  raised by whoever started the thread
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    try:
        if failed:
            raise failed[0]
        yield ready[0]
    finally:
        if ready:
            ready[0].loop.call_soon_threadsafe(ready[0].stop.set)
        thread.join()
    if failed:
        raise failed[0]
