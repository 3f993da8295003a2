"""Methods under etcd's names: how a function becomes one, and what unknown ones are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Never, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from storage.errors import StoreError
from storage.serve.etcd3.errors import RefusedError, refusal_of

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class Context(Protocol):
    """What a method needs to know of its call."""

    async def abort(self, code: grpc.StatusCode, details: str = "") -> Never:
        """End it, without an answer."""
        ...


def unary(request: type[Q], call: Callable[[Q], Awaitable[A]]) -> grpc.RpcMethodHandler[Q, A]:
    """Make a method of ``call``, one request and one answer, whose errors are etcd's."""

    async def method(message: Q, context: Context) -> A:
        try:
            return await call(message)
        except (StoreError, RefusedError) as error:
            code, text = refusal_of(error)
        await context.abort(code, text)

    return grpc.unary_unary_rpc_method_handler(
        method,
        request_deserializer=request.FromString,
        response_serializer=_serialized,
    )


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


class Unimplemented(grpc.GenericRpcHandler):
    """Comes last: answers every method that nobody has, by its name, as a Go server does."""

    def __init__(self, services: frozenset[str]) -> None:
        self._services = services

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return a method that refuses whatever it is sent."""
        service, _, method = handler_call_details.method.lstrip("/").rpartition("/")
        text = f"unknown service {service}"
        if service in self._services:
            text = f"unknown method {method} for service {service}"

        async def refuse(_requests: object, context: Context) -> None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

        return grpc.stream_stream_rpc_method_handler(refuse)
