"""Methods under etcd's names: how a function becomes one, and what unknown ones are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Never, Protocol, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode

from storage.errors import StoreError
from storage.serve.etcd3.errors import Refusal, RefusedError, refusal_of
from storage.serve.http2.methods import Method, method_of

UNREADABLE: Final = "grpc: error unmarshalling request"
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class Context(Protocol):
    """What a method needs to know of its call."""

    async def abort(self, code: StatusCode, details: str = "") -> Never:
        """End it, without an answer."""
        ...


def unary(
    request: type[Q], call: Callable[[Q], Awaitable[A | bytes | list[bytes]]]
) -> grpc.RpcMethodHandler[bytes, A | bytes | list[bytes]]:
    """Make a method of ``call``, one request and one answer, whose errors are etcd's.

    The answer is a message, or one that has been encoded, whole or in pieces.
    """
    read = request.FromString

    async def method(text: bytes, context: Context) -> A | bytes | list[bytes]:
        try:
            return await call(read(text))
        except (StoreError, RefusedError) as error:
            code, words = refusal_of(error)
            return await context.abort(code, words)
        except DecodeError as error:  # in a deserializer of gRPC's it would be logged, too
            return await context.abort(StatusCode.INTERNAL, f"{UNREADABLE}: {error}")

    return grpc.unary_unary_rpc_method_handler(method, response_serializer=_serialized)


def _serialized(answer: Message | bytes | list[bytes]) -> bytes:
    if isinstance(answer, bytes):
        return answer
    if isinstance(answer, list):
        return answer  # type: ignore[return-value]  # ``http2.methods`` allows it beyond gRPC
    return answer.SerializeToString()


def refused(refusal: Refusal) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Make a method that refuses whatever it is sent, be it a message or a stream of them."""

    async def refuse(_requests: object, context: Context) -> None:
        await context.abort(refusal.code, refusal.message)

    return grpc.stream_stream_rpc_method_handler(refuse)


@dataclass
class Named:
    """A call, as gRPC's handlers are asked for its method."""

    method: str
    invocation_metadata: tuple[tuple[str, str | bytes], ...] = ()


class Router:
    """Finds the method of a call, and counts the calls by method.

    What nobody has is refused by its name, as a Go server does.
    """

    def __init__(self, services: Mapping[str, grpc.GenericRpcHandler]) -> None:
        self._services = services
        self._methods: dict[str, Method] = {}
        self.calls: dict[str, int] = {}
        """By path; only of methods that there are, so it is bounded."""

    def find(self, path: str) -> Method:
        """Return the method that a call names."""
        found = self._methods.get(path)
        if found is None:
            return self._first_call(path)
        self.calls[path] += 1
        return found

    def _first_call(self, path: str) -> Method:
        service, _, method = path.lstrip("/").rpartition("/")
        handler = self._services.get(service)
        if handler is None:
            text = f"unknown service {service}"
            return method_of(refused(Refusal(StatusCode.UNIMPLEMENTED, text)))
        found = handler.service(Named(path))
        if found is None:
            text = f"unknown method {method} for service {service}"
            return method_of(refused(Refusal(StatusCode.UNIMPLEMENTED, text)))
        made = self._methods[path] = method_of(found)
        self.calls[path] = 1
        return made
