"""Methods under etcd's names: how a function becomes one, and what unknown ones are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Never, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from storage.errors import StoreError
from storage.serve.etcd3.errors import Refusal, RefusedError, refusal_of

UNIMPLEMENTED: Final = grpc.StatusCode.UNIMPLEMENTED
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
            return await context.abort(code, text)

    return grpc.unary_unary_rpc_method_handler(
        method,
        request_deserializer=request.FromString,
        response_serializer=_serialized,
    )


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def refused(refusal: Refusal) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Make a method that refuses whatever it is sent, be it a message or a stream of them."""

    async def refuse(_requests: object, context: Context) -> None:
        await context.abort(refusal.code, refusal.message)

    return grpc.stream_stream_rpc_method_handler(refuse)


class Router(grpc.GenericRpcHandler):
    """Finds the method of a call, and counts the calls by method.

    What nobody has is refused by its name, as a Go server does.
    """

    def __init__(self, services: Mapping[str, grpc.GenericRpcHandler]) -> None:
        self._services = services
        self._methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self.calls: dict[str, int] = {}
        """By path; only of methods that there are, so it is bounded."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Return the method that a call names."""
        path = handler_call_details.method
        found = self._methods.get(path)
        if found is None:
            return self._first_call(path, handler_call_details)
        self.calls[path] += 1
        return found

    def _first_call(
        self, path: str, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        service, _, method = path.lstrip("/").rpartition("/")
        handler = self._services.get(service)
        if handler is None:
            return refused(Refusal(UNIMPLEMENTED, f"unknown service {service}"))
        found = handler.service(details)
        if found is None:
            text = f"unknown method {method} for service {service}"
            return refused(Refusal(UNIMPLEMENTED, text))
        self._methods[path] = found
        self.calls[path] = 1
        return found
