"""Where a cell works: a server, a codec, a namespace; the few calls that set it up, counted."""

from __future__ import annotations

from collections import Counter
from typing import Final

from google.protobuf.message import Message

from bench.apibench.endpoint import Answer, Endpoint, call
from bench.apibench.pods import pod
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.interface import Codec, TypeMeta
from serialization.kinds import PODS

POD_META: Final = TypeMeta("v1", "Pod")
NAME_DIGITS: Final = 8


class SetUpError(Exception):
    """The server refused what a cell needs; the message is one line."""


class Site:
    """A server, a codec, a namespace. ``requests`` counts what was answered, by verb and kind.

    With ``distinct`` every pod made here has a spec of its own.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        codec: Codec,
        namespace: str,
        series: str,
        *,
        distinct: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.codec = codec
        self.namespace = namespace
        self.series = series
        self.distinct = distinct
        self.requests: Counter[str] = Counter()

    def name(self, number: int) -> str:
        """Return the name of a pod of this cell; all are equally long."""
        return f"bench-{self.series}-{number:0{NAME_DIGITS}d}"

    def path(self, name: str = "", subresource: str = "") -> str:
        """Return the path of the namespace's pods, or of one."""
        return PODS.path(self.namespace, name, subresource)

    def made(self, name: str, node: str = "") -> bytes:
        """Return the document that a pod of a name, and perhaps on a node, is created by."""
        return self.encode(pod(self.namespace, name, node, distinct=self.distinct))

    def encode(self, pod: Pod) -> bytes:
        """Return a pod as a document."""
        return self.codec.encode(POD_META, pod)

    def decode(self, document: bytes) -> Pod:
        """Read a pod's document."""
        return self.codec.decode_bare(Pod, self.codec.unwrap(document)[1])

    def request(self, method: str, path: str, body: bytes = b"", content_type: str = "") -> bytes:
        """Return a whole request in the site's codec."""
        media_type = self.codec.media_type
        if body:
            content_type = content_type or media_type
        return self.head(method, path, len(body), content_type) + body

    def head(self, method: str, path: str, length: int = 0, content_type: str = "") -> bytes:
        """Return the head of a request whose answer is to be in the site's codec."""
        return self.endpoint.head(
            method, path, accept=self.codec.media_type, content_type=content_type, length=length
        )

    async def call(
        self, sort: str, method: str, path: str, message: Message | None = None
    ) -> bytes:
        """Make one call and return its answer. Raises SetUpError, UnreachableError."""
        body = b"" if message is None else self.codec.encode(_meta_of(message), message)
        answer = await self.ask(sort, self.request(method, path, body))
        if not 200 <= answer.code < 300:
            raise SetUpError(f"{method} {path}: {answer.code} {answer.body[:200]!r}")
        return answer.body

    async def ask(self, sort: str, request: bytes) -> Answer:
        """Make one call, counted as ``sort``, whatever its answer. Raises UnreachableError."""
        answer = await call(self.endpoint, request)
        self.requests[sort] += 1
        return answer


def _meta_of(message: Message) -> TypeMeta:
    return TypeMeta("v1", type(message).DESCRIPTOR.name)
