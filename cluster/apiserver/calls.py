"""One request to a resource, parsed as far as every verb needs it."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from google.protobuf.message import Message

from cluster.apiserver.asgi import Receive, Scope, Send, SendEvent
from cluster.apiserver.errors import (
    StatusError,
    bad_request,
    invalid_object,
    too_large,
    unrecognized,
    unsupported,
)
from cluster.apiserver.numbers import int64
from cluster.apiserver.paths import Route
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.yaml_form import MEDIA as YAML
from cluster.apiserver.yaml_form import from_yaml
from serialization.codecs.interface import UnknownFields
from serialization.errors import DecodeError

BODY_MAX_BYTES: Final = 3 * 1024 * 1024
"""As etcd's limit on requests, with room: Kubernetes refuses bigger bodies with 413."""

NO_QUERY: Final[dict[str, str]] = {}

_OPTIONS: Final = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}

FIELD_VALIDATION: Final = {
    "": UnknownFields.WARN,
    "Ignore": UnknownFields.IGNORE,
    "Warn": UnknownFields.WARN,
    "Strict": UnknownFields.STRICT,
}


class Call:
    """A request to a resource. ``warnings`` become Warning headers of the answer.

    ``received`` tells that the whole body is there, so that a write may be under way.
    ``task`` and ``deadline`` are set by ``inflight``, for calls that enter there.
    A verb that answers by itself sends through ``stream`` and leaves the ``media`` type here.
    """

    __slots__ = (
        "accept",
        "answered",
        "content_length",
        "content_type",
        "deadline",
        "media",
        "method",
        "name_generated",
        "query",
        "receive",
        "received",
        "route",
        "scope",
        "send",
        "size",
        "strategy",
        "task",
        "warnings",
    )

    task: asyncio.Task[object] | None
    deadline: float

    def __init__(
        self,
        route: Route,
        strategy: Strategy[Message],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self.route = route
        self.strategy = strategy
        self.scope = scope
        self.receive = receive
        self.send = send
        self.method = scope["method"]
        self.media = b""
        self.size = 0
        self.answered = False
        self.name_generated = False
        self.received = False
        self.warnings: list[str] = []
        headers = scope["headers"]
        fields = dict(headers)
        self.accept = fields.get(b"accept", b"")
        if len(fields) < len(headers):  # something stands there twice
            self.accept = b",".join(value for name, value in headers if name == b"accept" and value)
        self.content_type = fields.get(b"content-type", b"")
        length = fields.get(b"content-length")
        self.content_length = int(length) if length else 0
        query = scope["query_string"]
        self.query = (
            dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else NO_QUERY
        )

    @property
    def key(self) -> bytes:
        """Return the storage key of the object that the path names."""
        return self.strategy.resource.key(self.route.namespace, self.route.name)

    @property
    def dry_run(self) -> bool:
        """True when nothing is to be stored. Raises StatusError for a value that is unknown."""
        value = self.query.get("dryRun", "")
        if value not in {"", "All"}:
            problem = unsupported("dryRun", "", ("All",))
            told = problem._replace(
                message=f'Unsupported value: ["{value}"]: supported values: "All"'
            )
            raise invalid_object(self._options_kind, "", [told], group="meta.k8s.io")
        return bool(value)

    @property
    def unknown_fields(self) -> UnknownFields:
        """Return what to do with fields that the kind does not have."""
        value = self.query.get("fieldValidation", "")
        try:
            return FIELD_VALIDATION[value]
        except KeyError:
            problem = unsupported("fieldValidation", value, ("", "Ignore", "Strict", "Warn"))
            raise invalid_object(self._options_kind, "", [problem], group="meta.k8s.io") from None

    @property
    def _options_kind(self) -> str:
        return _OPTIONS.get(self.method, "DeleteOptions")

    def flag(self, name: str) -> bool:
        """Return a boolean of the query: set and neither ``0`` nor ``false``."""
        return self.query.get(name, "0") not in {"0", "false", "False"}

    def integer(self, name: str) -> int | None:
        """Return a number of the query, or None. Raises StatusError for what is none."""
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int64(text)
        except ValueError as error:
            raise bad_request(str(error)) from None

    async def stream(self, event: SendEvent) -> None:
        """Send a part of an answer that is not made whole before it is sent, and count it."""
        self.answered = True
        self.size += len(event.get("body", b""))
        await self.send(event)

    async def body(self) -> bytes:
        """Read the whole body. Raises StatusError 413 beyond the limit."""
        if self.content_length > BODY_MAX_BYTES:
            raise too_large(BODY_MAX_BYTES)
        event = await self.receive()
        if event["type"] == "http.disconnect":  # a DELETE would do without its preconditions
            raise ClientLeftError
        body = event.get("body", b"")
        if event.get("more_body", False):
            body = await self._rest(body)
        elif len(body) > BODY_MAX_BYTES:
            raise too_large(BODY_MAX_BYTES)
        self.received = True
        if b"yaml" in self.content_type and self.content_type.partition(b";")[0].strip() == YAML:
            return self._from_yaml(body)
        return body

    def _from_yaml(self, body: bytes) -> bytes:
        """Return a YAML body as JSON. Raises StatusError for one that is none."""
        repeated: list[str] = []
        try:
            document = from_yaml(body, repeated)
        except DecodeError as error:
            raise unrecognized(self.strategy.resource, str(error), body) from error
        how = self.unknown_fields
        if repeated and how is UnknownFields.STRICT:
            raise bad_request(f"strict decoding error: {', '.join(repeated)}")
        if how is UnknownFields.WARN:
            self.warnings += repeated
        return document

    async def _rest(self, first: bytes) -> bytes:
        """Read what follows the first piece; no more of it is kept than may be."""
        pieces = [first]
        size = len(first)
        more = True
        while more:
            event = await self.receive()
            if event["type"] == "http.disconnect":
                raise ClientLeftError
            pieces.append(event.get("body", b""))
            size += len(pieces[-1])
            if size > BODY_MAX_BYTES:
                raise too_large(BODY_MAX_BYTES)
            more = event.get("more_body", False)
        return b"".join(pieces)


class ClientLeftError(StatusError):
    """The client went away before it had sent its whole body; nobody reads the answer."""

    def __init__(self) -> None:
        super().__init__(499, "ClientClosedRequest", "the client went away")
