"""An API server in this process, called through ASGI: no sockets, a clock that stands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple, TypeVar, cast

from google.protobuf.message import Message

from cluster.apiserver.app import ApiServer
from cluster.apiserver.asgi import Receive, RequestEvent, Scope, SendEvent
from cluster.apiserver.assembly import Assembly, ServerConfig, assemble
from cluster.apiserver.authentication import Authenticator, Everybody
from cluster.apiserver.resources.interface import Strategy
from serialization.codecs.registry import CODECS
from storage.interface import Store
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualTimeLoop

Json = dict[str, "JsonValue"]
JsonValue = None | bool | int | float | str | list["JsonValue"] | Json

T = TypeVar("T")

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


class StandingClock:
    """Wall time stands at NOW until it is moved; every stamp is a microsecond later."""

    def __init__(self) -> None:
        self.wall = NOW
        self._stamp_ns = 0

    def stamp_ns(self) -> int:
        self._stamp_ns += 1000
        return self._stamp_ns

    def now(self) -> datetime:
        return self.wall


class Reply(NamedTuple):
    """What came back."""

    code: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.header("content-type")

    def header(self, name: str) -> str:
        return next((value.decode() for key, value in self.headers if key == name.encode()), "")

    def json(self) -> Json:
        return cast("Json", json.loads(self.body))


def scope_of(method: str, path: str, headers: Mapping[str, str]) -> Scope:
    """Return the head of a request, as ASGI has it."""
    bare, _, query = path.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": bare,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": {},
    }


def body_of(body: bytes) -> RequestEvent:
    """Return a whole body as an event."""
    return {"type": "http.request", "body": body, "more_body": False}


def told_once(event: RequestEvent) -> Receive:
    """Return what tells a request's event, and waits for ever after that."""
    left = [event]

    async def receive() -> RequestEvent:
        if not left:
            await asyncio.Event().wait()
        return left.pop()

    return receive


async def ask_app(app: ApiServer, scope: Scope, receive: Receive) -> Reply:
    """Return the whole answer to a request."""
    events: list[SendEvent] = []

    async def send(event: SendEvent) -> None:
        events.append(event)

    await app(scope, receive, send)
    pieces = b"".join(event.get("body", b"") for event in events[1:])
    return Reply(events[0]["status"], events[0]["headers"], pieces)


class InProcess:
    """Calls a server; each call runs the loop until its answer is complete."""

    def __init__(self, runner: asyncio.Runner, server: Assembly, clock: StandingClock) -> None:
        self._runner = runner
        self.server = server
        self.clock = clock
        self.token = ""
        """Shown with calls that show none themselves."""

    def call(
        self,
        method: str,
        path: str,
        body: object = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request; a body that is no bytes goes as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-type": "application/json"} if raw else {}
        if self.token and headers is None:
            fields["authorization"] = f"Bearer {self.token}"
        fields.update({name.lower(): value for name, value in (headers or {}).items()})
        return self._runner.run(self.request(method, path, raw, fields))

    def gather(self, *requests: Coroutine[object, object, Reply]) -> list[Reply]:
        """Send several requests at once: all are judged before the first is answered."""

        async def together() -> list[Reply]:
            return await asyncio.gather(*requests)

        return self._runner.run(together())

    async def request(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        leaves: bool = False,
    ) -> Reply:
        """Send a request and return its answer; ``leaves``: go away after the head."""
        fields = {"content-length": str(len(body)), **headers}
        ask = told_once({"type": "http.disconnect"} if leaves else body_of(body))
        return await ask_app(self.server.app, scope_of(method, path, fields), ask)

    def run(self, story: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the server's loop, beside it."""

        async def whole() -> T:
            return await story

        return self._runner.run(whole())

    def leave(self, method: str, path: str, body: bytes) -> Reply:
        """Send the head of a request and go away before its body."""
        fields = {"content-type": "application/json"}
        return self._runner.run(self.request(method, path, body, fields, leaves=True))

    def create(self, path: str, obj: object) -> Json:
        """POST an object that is sound, return it as stored."""
        reply = self.call("POST", path, obj)
        assert reply.code == 201, reply.body
        return reply.json()


@contextmanager
def serving(
    strategies: Iterable[Strategy[Message]] | None = None,
    *,
    storage_codec: str = "protobuf",
    store: Store | None = None,
    authenticator: Authenticator | None = None,
    virtual: bool = False,
) -> Iterator[InProcess]:
    """Run a server on the memory store (or another) while entered; ``virtual``: waits are free."""
    clock = StandingClock()
    config = ServerConfig(CODECS[storage_codec], authenticator=authenticator or Everybody())
    chosen = store or STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True))
    with asyncio.Runner(loop_factory=VirtualTimeLoop if virtual else None) as runner:
        up: asyncio.Future[Assembly] = runner.get_loop().create_future()
        down = asyncio.Event()

        async def host() -> None:
            async with (
                chosen as opened,
                assemble(opened, config, clock, Random(7), strategies) as it,
            ):
                up.set_result(it)
                await down.wait()

        async def start() -> tuple[asyncio.Task[None], Assembly]:
            task = asyncio.get_running_loop().create_task(host())
            await asyncio.wait((task, up), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            return task, up.result()

        async def stop(task: asyncio.Task[None]) -> None:
            down.set()
            await task

        task, server = runner.run(start())
        try:
            yield InProcess(runner, server, clock)
        finally:
            runner.run(stop(task))
