"""The gRPC server around the services: where it listens, what it lets through, how it ends."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grpc import aio

from storage.serve.etcd3.methods import Router
from storage.serve.etcd3.services import SERVICES
from storage.serve.etcd3.serving import Serving
from storage.serve.etcd3.tls import TlsFiles, credentials

UNIX: Final = "unix:"
PORT_MAX: Final = 65535
OVERHEAD_BYTES: Final = 512 << 10
"""A message may be so much larger than what a write may be, as etcd's may: who is slightly above
the bound is told so by the service, not by the transport."""
PING_INTERVAL_MIN_MS: Final = 5_000
"""Clients may ping so often (etcd's --grpc-keepalive-min-time), with calls under way or without."""
KEEPALIVE_MS: Final = 7_200_000
KEEPALIVE_TIMEOUT_MS: Final = 20_000
STOP_S: Final = 1.0
"""How long calls under way may go on at the end; watches never end by themselves."""


class ListenError(Exception):
    """The address cannot be listened on; the message is one line."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: ``HOST:PORT`` or ``unix:PATH``, with TLS or without."""

    target: str
    tls: TlsFiles | None = None

    def bound(self, port: int) -> str:
        """Return the address with the port that it got."""
        if self.target.startswith(UNIX):
            return self.target
        return f"{self.target.rpartition(':')[0]}:{port}"

    def url(self, port: int) -> str:
        """Return what clients are told."""
        scheme = "http" if self.tls is None else "https"
        bound = self.bound(port)
        return bound if bound.startswith(UNIX) else f"{scheme}://{bound}"


def options(request_bytes: int) -> list[tuple[str, int]]:
    """Return the server's settings of gRPC."""
    return [
        ("grpc.max_receive_message_length", request_bytes + OVERHEAD_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MIN_MS),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_INTERVAL_MIN_MS),
    ]


@asynccontextmanager
async def listening(address: Address, request_bytes: int) -> AsyncIterator[Listener]:
    """Bind; what is yielded serves once it is told whom. Raises ListenError, TlsError."""
    _check_free(address.target)
    server = aio.server(options=options(request_bytes))
    try:
        if address.tls is None:
            port = server.add_insecure_port(address.target)
        else:
            port = server.add_secure_port(address.target, credentials(address.tls))
    except RuntimeError as error:  # gRPC tells the reason to standard error alone
        raise ListenError(f"cannot listen on {address.target!r}") from error
    listener = Listener(server, address, port)
    try:
        yield listener
    finally:
        await server.stop(STOP_S)


def _check_free(target: str) -> None:
    """Raise ListenError, with the reason, where nobody could listen."""
    if target.startswith(UNIX):
        _check_free_path(Path(target.removeprefix(UNIX).removeprefix("//")))
        return
    host, _, port = target.rpartition(":")
    if not (port.isascii() and port.isdecimal()) or int(port) > PORT_MAX:
        raise ListenError(f"cannot listen on {target!r}: no such port")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        for family, kind, protocol, _, place in found:
            with socket.socket(family, kind, protocol) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(place)
    except OSError as error:
        raise ListenError(f"cannot listen on {target!r}: {error.strerror}") from error


def _check_free_path(path: Path) -> None:
    if path.exists() and not path.is_socket():
        raise ListenError(f"cannot listen on {path}: it is something else than a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            if path.parent.is_dir():
                return
            raise ListenError(f"cannot listen on {path}: no such directory") from None
        except OSError as error:
            raise ListenError(f"cannot listen on {path}: {error.strerror or error}") from error
    raise ListenError(f"cannot listen on {path}: Address already in use")


class Listener:
    """A bound server that does not serve yet."""

    def __init__(self, server: aio.Server, address: Address, port: int) -> None:
        self._server = server
        self.port = port
        """0 for a Unix socket."""
        self.target = address.bound(port)
        self.url = address.url(port)
        self.calls: Mapping[str, int] = {}
        """How often each method was called, by path, once it serves."""

    async def serve(self, serving: Serving) -> None:
        """Answer calls from now on, until the listening ends."""
        router = Router({name: make(serving) for name, make in SERVICES.items()})
        self.calls = router.calls
        self._server.add_generic_rpc_handlers((router,))
        await self._server.start()
