"""uvicorn around the application, set up by hand: httptools, no access log, no lifespan."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, cast

import uvicorn
from uvicorn._types import ASGIApplication

from cluster.apiserver.connection import Connection, Heads
from cluster.apiserver.traffic import Traffic
from cluster.client.asgi import Application

BACKLOG: Final = 8192
"""2000 nodes that come up at once, with two connections each, must not be refused."""
ACCEPTED_PER_TURN: Final = 16
"""libuv accepts one connection of a listening socket in each turn of the loop (since 1.45), and a
turn under load takes milliseconds: 4000 watches of 2000 starting nodes stood in line for that.
So the socket is listened on that many times. 300 connections to a loop of 3 ms turns: 1.93 s at 1,
0.16 s at 16."""
KEEP_ALIVE_S: Final = 3600
STOP_S: Final = 5


class _Server(uvicorn.Server):
    """Leaves signals alone: they belong to the process."""

    def install_signal_handlers(self) -> None:
        return


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.settimeout(0)
    return sock


def url_of(sock: socket.socket) -> str:
    """Return the base URL of a bound socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def listen(
    app: Application,
    sock: socket.socket,
    *,
    end_watches: Callable[[], None] | None = None,
    traffic: Traffic | None = None,
) -> AsyncIterator[None]:
    """Serve ``app`` on a bound socket while entered.

    At the exit ``end_watches`` is called, and requests under way may end. ``traffic``
    counts the bytes.
    """
    config = uvicorn.Config(
        cast("ASGIApplication", app),
        http=cast("type[asyncio.Protocol]", partial(Connection, Heads(), traffic or Traffic())),
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
    )
    config.load()
    http = _Server(config)
    http.lifespan = config.lifespan_class(config)
    sockets = [sock, *(sock.dup() for _ in range(ACCEPTED_PER_TURN - 1))]
    await http.startup(sockets=sockets)
    try:
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(http.main_loop())
            try:
                yield
            finally:
                http.should_exit = True
                ticking.cancel()
    finally:
        if end_watches is not None:
            end_watches()
        await http.shutdown(sockets=sockets)
