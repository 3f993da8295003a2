"""gRPC's own health protocol: the server as a whole serves; other names are not known.

Its messages are a string and an enumeration, so they are read and written here by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import grpc

from storage.serve.etcd3.methods import Context
from storage.serve.etcd3.serving import Serving

SERVICE: Final = "grpc.health.v1.Health"
SERVING: Final = b"\x08\x01"
SERVICE_UNKNOWN: Final = b"\x08\x03"


def service(_serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service."""
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Check": grpc.unary_unary_rpc_method_handler(_check),
            "Watch": grpc.unary_stream_rpc_method_handler(_watch),
        },
    )


async def _check(request: bytes, context: Context) -> bytes:
    if _names_a_service(request):
        return await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return SERVING


async def _watch(request: bytes, _context: Context) -> AsyncIterator[bytes]:
    """Tell the state; it does not change until the server ends, and with it the call."""
    yield SERVICE_UNKNOWN if _names_a_service(request) else SERVING
    await asyncio.get_running_loop().create_future()


def _names_a_service(request: bytes) -> bool:
    """Say whether the one field is a name that is not empty."""
    return len(request) > 2
