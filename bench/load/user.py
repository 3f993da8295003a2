"""What every user has: typed calls in the run's codec, named for the statistics."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, ClassVar, TypeVar

from google.protobuf.message import Message
from locust import User

from bench.load.connecting import connection
from bench.load.recorder import SEPARATOR
from bench.load.settings import LoadSettings
from serialization.codecs.interface import Codec, TypeMeta
from serialization.codecs.registry import CODECS
from serialization.scheme import Resource, metadata_of
from storage.clock import Clock, SystemClock

M = TypeVar("M", bound=Message)


class CallFailedError(Exception):
    """The server refused a call; the message is its code."""


@dataclass(slots=True)
class LoadCounts:
    """What the users of a process did beside calls."""

    watch_events: int = 0
    watches_torn: int = 0
    pods_run: int = 0


@dataclass(slots=True)
class Surroundings:
    """What the users of a process share."""

    settings: LoadSettings
    chance: random.Random
    counts: LoadCounts = field(default_factory=LoadCounts)
    started: int = 0
    """Users so far: each has a number of its own."""

    @property
    def codec(self) -> Codec:
        """The codec of the run."""
        return CODECS[self.settings.codec]


class ApiUser(User):
    """A user of a Kubernetes API. ``around`` is set on a subclass when it is put to work.

    Its connection is geventhttpclient's lower half: what locust builds on it reads the body of
    every failure as text, and a Status in protobuf is none.
    """

    abstract = True
    around: ClassVar[Surroundings]
    _clock: ClassVar[Clock] = SystemClock()
    kind: ClassVar[str]
    """The name of the class in statistics and on the command line."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        settings = self.around.settings
        self._http = connection(settings.server)
        self.around.started += 1
        self.number = self.around.started
        self.chance = random.Random(self.around.chance.getrandbits(64))
        self.codec = self.around.codec
        self._headers = {"accept": self.codec.media_type, "user-agent": "kubedyno-locust"}
        if settings.server.token:
            self._headers["authorization"] = f"Bearer {settings.server.token}"

    def call(
        self,
        purpose: str,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        fine: tuple[int, ...] = (),
    ) -> bytes | None:
        """Make a call; return its answer, or None for a failure.

        ``fine`` are codes that are no failure here; they, too, return None.
        """
        sent = {**self._headers, **(headers or {})}
        if body:
            sent.setdefault("content-type", self.codec.media_type)
        began_ns = self._clock.stamp_ns()
        content, code = b"", 0
        failure: Exception | None = None
        try:
            answer = self._http.request(method, path, body, sent)
            content, code = bytes(answer.read()), int(answer.status_code)
        except (OSError, HTTPException) as error:
            failure = error
        took_ms = (self._clock.stamp_ns() - began_ns) / 1e6
        good = 200 <= code < 300
        if failure is None and not good and code not in fine:
            failure = CallFailedError(str(code))
        self.environment.events.request.fire(
            request_type=method,
            name=f"{self.kind}{SEPARATOR}{purpose}",
            response_time=took_ms,
            response_length=len(content),
            exception=failure,
            context={},
        )
        return content if good else None

    def read(self, purpose: str, resource: Resource, message: type[M], path: str) -> M | None:
        """GET one object, decoded."""
        answer = self.call(purpose, "GET", path)
        return None if answer is None else self.decode(message, answer)

    def write(
        self,
        purpose: str,
        method: str,
        resource: Resource,
        obj: M,
        *,
        subresource: str = "",
        fine: tuple[int, ...] = (),
    ) -> M | None:
        """POST or PUT an object; return what the server made of it."""
        meta = metadata_of(obj)
        name = "" if method == "POST" else meta.name
        body = self.codec.encode(TypeMeta(resource.api_version, resource.kind), obj)
        path = resource.path(meta.namespace, name, subresource)
        answer = self.call(purpose, method, path, body, fine=fine)
        return None if answer is None else self.decode(type(obj), answer)

    def decode(self, message: type[M], document: bytes) -> M:
        """Decode a document."""
        return self.codec.decode_bare(message, self.codec.unwrap(document)[1])
