"""What a call names: a method of gRPC, and how its messages are read and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc

from storage.http2.hpack import Field
from storage.serve.http2.plain import Pages, page_for


class Head(NamedTuple):
    """What the header of a request says, as far as it is looked at."""

    verb: str
    path: str
    content_type: str

    @property
    def is_grpc(self) -> bool:
        """Whether it asks for a method, not for a page."""
        return self.content_type.startswith("application/grpc")


def head_of(fields: list[Field]) -> Head:
    """Return what a header's fields say."""
    verb = path = content_type = b""
    for name, value in fields:
        if name == b":path":
            path = value
        elif name == b":method":
            verb = value
        elif name == b"content-type":
            content_type = value
    return Head(verb.decode("latin-1"), path.decode("latin-1"), content_type.decode("latin-1"))


class Method(NamedTuple):
    """A method; ``call`` is what ``grpc.aio`` would call, with the same arguments."""

    call: Callable[..., Any]
    takes_stream: bool
    answers_stream: bool
    read: Callable[[bytes], Any]
    write: Callable[[Any], Any]
    """Returns bytes; of a method with one answer also the pieces of one, in a list."""


def method_of(handler: grpc.RpcMethodHandler[Any, Any]) -> Method:
    """Return a handler of gRPC's as a method."""
    takes_stream, answers_stream = bool(handler.request_streaming), bool(handler.response_streaming)
    functions = {
        (False, False): handler.unary_unary,
        (False, True): handler.unary_stream,
        (True, False): handler.stream_unary,
        (True, True): handler.stream_stream,
    }
    call = functions[takes_stream, answers_stream]
    assert call is not None, "a handler has the function of its kind"
    read, write = handler.request_deserializer, handler.response_serializer
    return Method(call, takes_stream, answers_stream, read or bytes, write or bytes)


def page_of(pages: Pages, head: Head) -> Method:
    """Return the method of a request for a page, as browsers and probes send it over TLS."""

    async def answer(_requests: object, call: Any) -> None:  # any call
        call.answer_page(await page_for(pages, head.verb, head.path), body=head.verb != "HEAD")

    return Method(answer, takes_stream=True, answers_stream=True, read=bytes, write=bytes)


def refusing_content(content_type: str) -> Method:
    """Return the method of a request that is none of gRPC's."""
    text = f"invalid gRPC request content-type {content_type!r}"

    async def refuse(_requests: object, context: Any) -> None:  # any call
        await context.abort(grpc.StatusCode.INTERNAL, text)

    return Method(refuse, takes_stream=True, answers_stream=True, read=bytes, write=bytes)
