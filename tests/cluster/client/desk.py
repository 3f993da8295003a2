"""The typed client and a scripted server that answers it: what their tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message

from cluster.client.interface import ObjectKey
from cluster.client.rest import ClientOptions, RestClient
from cluster.client.traffic import RequestRecord
from serialization.api.core.v1_pb2 import Pod, PodSpec
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.codecs.interface import Codec, TypeMeta
from serialization.codecs.registry import CODECS
from storage.clock import SystemClock
from tests.cluster.client.raw_server import RawConnection, RawRequest, RawServer, raw_server

T = TypeVar("T")

M = TypeVar("M", bound=Message)

POD_KIND = TypeMeta("v1", "Pod")

STATUS_KIND = TypeMeta("v1", "Status")

KEY = ObjectKey("default", "a")


def pod(name: str = "a", version: str = "7") -> Pod:
    meta = ObjectMeta(namespace="default", name=name, uid="u", resourceVersion=version)
    return Pod(metadata=meta, spec=PodSpec(nodeName="n"))


def seen(codec: Codec, message: M) -> M:
    """Return a message as it looks after the wire: JSON makes an absent struct an empty one."""
    return codec.decode_bare(type(message), codec.encode_bare(message))


class Desk:
    """A client, and the server's side of its requests."""

    def __init__(self, codec: Codec, server: RawServer, client: RestClient) -> None:
        self.codec = codec
        self.server = server
        self.client = client
        self.records: list[RequestRecord] = []
        self._connection: RawConnection | None = None

    async def serve(
        self, call: Coroutine[Any, Any, T], body: bytes, code: int = 200, media_type: str = ""
    ) -> tuple[RawRequest, T]:
        """Run a call of the client and answer its one request."""
        task = asyncio.get_running_loop().create_task(call)
        if self._connection is None:
            self._connection = await self.server.accept()
        request = await self._connection.request()
        content_type = media_type or self.codec.media_type
        self._connection.answer(body, code, f"content-type: {content_type}\r\n")
        return request, await task

    def sent(self, message: type[M], request: RawRequest) -> tuple[TypeMeta, M]:
        kind, bare = self.codec.unwrap(request.body)
        return kind, self.codec.decode_bare(message, bare)


@pytest.fixture(params=sorted(CODECS))
def codec(request: pytest.FixtureRequest) -> Codec:
    return CODECS[request.param]


@asynccontextmanager
async def desk(codec: Codec, **options: Any) -> AsyncIterator[Desk]:
    records: list[RequestRecord] = []
    async with asyncio.timeout(90), raw_server() as server:
        client_options = ClientOptions(
            server.url, codec=codec.name, observer=records.append, **options
        )
        async with RestClient(client_options, SystemClock()) as client:
            made = Desk(codec, server, client)
            made.records = records
            yield made
