"""The ASGI application: route, authenticate, serve, answer, count. This is an API server."""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from urllib.parse import parse_qsl

from cluster.apiserver import negotiation
from cluster.apiserver.api import Api
from cluster.apiserver.asgi import ANSWER, Answer, Receive, Scope, Send, send_answer
from cluster.apiserver.authentication import Authenticator
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import StatusError, status_error, timed_out, unknown_resource
from cluster.apiserver.health import NOT_FOUND
from cluster.apiserver.inflight import READ, WRITE, Inflight
from cluster.apiserver.pages import Pages
from cluster.apiserver.paths import parse_route
from cluster.apiserver.verbs.success import STATUS_KIND
from cluster.apiserver.verbs.table import SUBRESOURCES, find_verb
from cluster.apiserver.yaml_form import MEDIA as YAML
from cluster.apiserver.yaml_form import in_yaml

logger = logging.getLogger(__name__)

METHODS: Final = frozenset(("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"))


class ApiServer:
    """Serves the Kubernetes API over ASGI. Holds no state of its own but its counters."""

    def __init__(
        self, api: Api, pages: Pages, authenticator: Authenticator, inflight: Inflight
    ) -> None:
        self._api = api
        self._inflight = inflight
        self._pages = pages
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise NotImplementedError(f"no {scope['type']} here")
        try:
            self._authenticator.check(scope)
        except StatusError as error:
            await send_answer(scope, send, self._failure(scope, error))
            return
        route = parse_route(scope["path"])
        if route is None:
            await self._serve_page(scope, send)
            return
        strategy = self._api.registry.find(route.group, route.version, route.plural)
        if strategy is None:
            if route.group not in self._api.registry.groups:
                await send_answer(scope, send, NOT_FOUND)
            else:
                await send_answer(scope, send, self._failure(scope, unknown_resource()))
            return
        call = Call(route, strategy, scope, receive, send)
        if b"yaml" in call.accept:
            self._answer_in_yaml(call)
        await self._serve_resource(call)

    def _answer_in_yaml(self, call: Call) -> None:
        """See to it that a call that prefers YAML gets it: it is served as JSON, and rewritten."""
        negotiator = self._api.negotiator
        if not negotiator.prefers_yaml(call.accept):
            return
        if not call.flag("watch"):
            call.accept = call.accept.replace(YAML, negotiation.JSON.encode())
        elif negotiator.streams(call.accept):
            return  # there are no streams of YAML; only that it is refused is told in it
        call.send = in_yaml(call.send)
        call.scope.get("extensions", {}).pop(ANSWER, None)  # it would go past the wrapper

    async def _serve_resource(self, call: Call) -> None:
        api = self._api
        started_ns = api.clock.stamp_ns()
        inflight, label = self._inflight, call.method if call.method in METHODS else "other"
        kind = READ if call.method == "GET" else WRITE
        entered = False
        try:
            served = find_verb(call)
            label = served.label
            if api.cache.opening:
                await self._readable(call)
            if api.cache.losses and call.method == "GET":
                api.cache.of(call.strategy.resource).check()
            if not served.long:
                inflight.enter(call, kind)
                entered = True
            if kind is WRITE:
                api.negotiator.accept(call.accept)  # nothing is written that cannot be answered
            answer = await served.serve(api, call)
        except asyncio.CancelledError:
            answer = self._failure(call.scope, inflight.excuse(call))
        except Exception as error:
            if call.answered:
                raise  # the head is out: all that is left is to break the connection
            answer = self._failure(call.scope, error)
        finally:
            if entered:
                inflight.leave(call, kind)
        if answer is None:
            code, media, size = 200, call.media, call.size
        else:
            code, media = answer.code, answer.media_type
            size = await send_answer(call.scope, call.send, answer)
        self._count(call, label, started_ns, (code, media, size))

    def _count(
        self, call: Call, label: str, started_ns: int, answered: tuple[int, bytes, int]
    ) -> None:
        """Count a request that is over, by the code, type and size of its answer."""
        api = self._api
        route = call.route
        # Clients choose paths and methods freely: what is not served must not make new series.
        subresource = route.subresource if route.subresource in SUBRESOURCES else ""
        labels = label, route.group, route.version, route.plural, subresource, _scope(call), ""
        code, media, size = answered
        seconds = (api.clock.stamp_ns() - started_ns) / 1e9
        api.metrics.observe(labels, code, seconds, media, size)

    async def _readable(self, call: Call) -> None:
        """Return once a server that has just begun can read a call's resource.

        Who waits here counts for no limit: events must not take the places of all other writes.
        """
        try:
            async with asyncio.timeout(self._inflight.limit_s or None):
                await self._api.cache.opened(call.strategy.resource.message)
        except TimeoutError:
            raise timed_out(unknown=False) from None

    async def _serve_page(self, scope: Scope, send: Send) -> None:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        try:
            answer = await self._pages.answer(scope, query)
        except Exception as error:  # noqa: BLE001  whatever it is, the client gets a Status
            answer = self._failure(scope, error)
        await send_answer(scope, send, answer)

    def _failure(self, scope: Scope, error: Exception) -> Answer:
        """Return the Status of a failure, in the form that the client takes (else JSON)."""
        told = status_error(error)
        if told.code == 500 and not isinstance(error, StatusError):
            logger.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        negotiator = self._api.negotiator
        try:
            codec = negotiator.accept(accept).codec
        except StatusError:
            codec = negotiator.json
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if told.details is not None and told.details.retryAfterSeconds:
            headers = ((b"retry-after", b"%d" % told.details.retryAfterSeconds),)
        body = b"" if scope["method"] == "HEAD" else codec.encode(STATUS_KIND, told.status())
        return Answer(told.code, codec.media_type.encode(), body, headers)


def _scope(call: Call) -> str:
    """Return how wide a request reaches, as Kubernetes' metrics tell it (a create: one object)."""
    if call.route.name or call.method == "POST":
        return "resource"
    return "namespace" if call.route.namespace else "cluster"
