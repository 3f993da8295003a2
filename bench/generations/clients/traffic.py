"""How many bytes a connection has carried: the kernel's own count, the same for any protocol."""

from __future__ import annotations

import asyncio
import os
import socket
from struct import Struct
from typing import Final

from bench.generations.clients.interface import Traffic

TCP_INFO_BYTES: Final = 136
ACKED_AND_RECEIVED: Final = Struct("=QQ")
ACKED_AT: Final = 120
"""``tcpi_bytes_acked`` in struct tcp_info of Linux 4.1 and later, ``tcpi_bytes_received`` next."""

SYN: Final = 1
"""Opening a connection is acknowledged as if it were a byte."""


def traffic_of(transport: asyncio.BaseTransport) -> Traffic:
    """Return what an open connection has carried: acknowledged bytes, received bytes."""
    number = transport.get_extra_info("socket").fileno()
    with socket.socket(fileno=os.dup(number)) as own:
        told = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    acked, received = ACKED_AND_RECEIVED.unpack_from(told, ACKED_AT)
    return Traffic(acked - SYN, received)


def total(parts: list[Traffic]) -> Traffic:
    """Add up."""
    return Traffic(sum(each.sent for each in parts), sum(each.received for each in parts))
