"""How a connection is made: TCP or a Unix socket, bare or with TLS."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

UNIX: Final = "unix:"


class Address(NamedTuple):
    """Where a server is; ``path`` of a Unix socket, else ``host`` and ``port``."""

    host: str
    port: int
    path: str
    authority: str
    """As calls name the server."""


def address_of(target: str) -> Address:
    """Understand ``host:port``, ``[host]:port`` or ``unix:/path``."""
    if target.startswith(UNIX):
        return Address("localhost", 0, target.removeprefix(UNIX), "localhost")
    host, _, port = target.rpartition(":")
    return Address(host.removeprefix("[").removesuffix("]"), int(port), "", target)


Dial = Callable[
    [Address, ssl.SSLContext | None, Callable[[], asyncio.Protocol]],
    Awaitable[asyncio.BaseTransport],
]
"""How a channel connects: ``dial``, or a test's own way."""


async def dial(
    address: Address, tls: ssl.SSLContext | None, make: Callable[[], asyncio.Protocol]
) -> asyncio.BaseTransport:
    """Connect. Raises OSError (of which TLS's own errors are a kind)."""
    loop = asyncio.get_running_loop()
    name = address.host if tls is not None else None
    if address.path:
        transport, _ = await loop.create_unix_connection(
            make, address.path, ssl=tls, server_hostname=name
        )
        return transport
    transport, _ = await loop.create_connection(
        make, address.host, address.port, ssl=tls, server_hostname=name
    )
    return transport


def speaks_http2(transport: asyncio.BaseTransport) -> bool:
    """Whether the server agreed to it; without TLS there is nothing to agree on."""
    connection = transport.get_extra_info("ssl_object")
    return connection is None or connection.selected_alpn_protocol() == "h2"


def tls_context(
    cacert: bytes | None, cert: bytes | None, key: bytes | None, *, protocol: str = "h2"
) -> ssl.SSLContext:
    """Return what a connection is made with; by default the system's certificates, no client's.

    ``protocol`` is what is offered to the server (ALPN): ``h2`` or ``http/1.1``.
    Raises OSError where the files cannot be understood.
    """
    try:
        authorities = None if cacert is None else cacert.decode("ascii")
        context = ssl.create_default_context(cadata=authorities)
    except (UnicodeDecodeError, ValueError) as error:
        raise ssl.SSLError(f"the authorities' certificates cannot be read: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    if cert is not None and key is not None:
        # OpenSSL's wrapper reads files only; this one is its owner's alone, and soon gone.
        with tempfile.NamedTemporaryFile() as file:
            file.write(cert + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context
