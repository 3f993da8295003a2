"""GET of ``pods/NAME/log``: what a container wrote, fetched from its node's kubelet as it comes."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import quote, urlencode

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import NO_STORE, Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import (
    FieldProblem,
    StatusError,
    bad_request,
    internal,
    invalid,
    invalid_object,
    not_found,
    unreasoned,
)
from cluster.apiserver.kubelets import kubelet_url, unreachable
from cluster.client.exchange import BodyStream, Request
from cluster.client.interface import TransportError
from serialization.api.core.v1_pb2 import Node, Pod
from serialization.api.meta.v1_pb2 import StatusCause, StatusDetails
from serialization.kinds import NODES, PODS
from serialization.times import TimeFormatError, parse_time

HEAD_S: Final = 30.0
"""How long a kubelet may take to begin its answer."""
FLAGS: Final = ("follow", "previous", "timestamps")
LEAST: Final = {"limitBytes": 1, "sinceSeconds": 1, "tailLines": 0}
"""The numbers of the query, and the least that each may be."""
OPTIONS: Final = "PodLogOptions"


async def read_log(api: Api, call: Call) -> Answer | None:
    """Stream a container's log; 204 for a pod that is on no node yet."""
    name = call.route.name
    query = _query(call, name)
    if api.cache.others_write:
        await api.cache.catch_up()
    found = api.cached(call)
    if found is None:
        raise not_found(PODS, name)
    pod = found.message
    if not isinstance(pod, Pod):
        raise TypeError(type(pod))
    container = _container(pod, call.query.get("container", ""))
    if not pod.spec.nodeName:
        return Answer(204, b"text/plain")
    base_url = kubelet_url(_node(api, pod.spec.nodeName))
    path = "/".join(quote(each, safe="") for each in (call.route.namespace, name, container))
    target = f"/containerLogs/{path}{f'?{urlencode(query)}' if query else ''}"
    exchange = api.dial(base_url, api.clock)
    try:
        stream = await exchange.open_stream(Request("GET", target), timeout_s=HEAD_S)
    except TransportError as error:
        exchange.close()
        raise unreachable(f"{base_url}{target}", base_url, error) from error
    try:
        if stream.response.code != 200:
            raise _refused(name, stream.response.code, stream.response.body)
        await _pass_on(call, stream)
    finally:
        stream.close()
        exchange.close()
    return None


def _query(call: Call, name: str) -> dict[str, str]:
    """Return what the kubelet is asked. Raises StatusError for options that make no sense."""
    query = {flag: "true" for flag in FLAGS if call.flag(flag)}
    problems: list[FieldProblem] = []
    for option, least in LEAST.items():
        value = call.integer(option)
        if value is None:
            continue
        if value < least:
            words = "greater than 0" if least else "greater than or equal to 0"
            problems.append(invalid(option, value, f"must be {words}"))
        query[option] = str(value)
    since = call.query.get("sinceTime", "")
    if since:
        if "sinceSeconds" in query:
            words = "at most one of `sinceTime` or `sinceSeconds` may be specified"
            problems.append(FieldProblem("", "FieldValueForbidden", f"Forbidden: {words}"))
        try:
            parse_time(since)
        except TimeFormatError as error:
            raise bad_request(str(error)) from error
        query["sinceTime"] = since
    if problems:
        raise invalid_object(OPTIONS, name, problems)
    return query


def _container(pod: Pod, asked: str) -> str:
    """Return which container is meant. Raises StatusError 400 where that is not clear."""
    spec, name = pod.spec, pod.metadata.name
    main = [container.name for container in spec.containers]
    init = [container.name for container in spec.initContainers]
    ephemeral = [each.ephemeralContainerCommon.name for each in spec.ephemeralContainers]
    if asked:
        if asked not in (*main, *init, *ephemeral):
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(main) == 1:
        return main[0]
    choice = f"choose one of: [{' '.join(main)}]"
    if init:
        choice += f" or one of the init containers: [{' '.join(init)}]"
    if ephemeral:
        choice += f" or one of the ephemeral containers: [{' '.join(ephemeral)}]"
    raise bad_request(f"a container name must be specified for pod {name}, {choice}")


def _node(api: Api, name: str) -> Node:
    cache = api.cache.of(NODES)
    found = cache.get("", name)
    if found is None:
        raise not_found(NODES, name)
    node = cache.message(found)
    if not isinstance(node, Node):
        raise TypeError(type(node))
    return node


def _refused(name: str, code: int, body: bytes) -> StatusError:
    """Return what a client is told of an answer of the kubelet's that is no log."""
    text = body.decode("utf-8", "replace").strip()
    if code == 400:
        return bad_request(text)
    if code == 500:
        return internal(text)
    if code == 404:
        cause = StatusCause(reason="UnexpectedServerResponse", message=text)
        details = StatusDetails(name=name, kind=PODS.plural, causes=[cause])
        words = f"the server could not find the requested resource ( pods {name})"
        return StatusError(404, "NotFound", words, details)
    return unreasoned(f"the server responded with the status code {code}: {text}")


async def _pass_on(call: Call, stream: BodyStream) -> None:
    """Send what comes until it ends or the client leaves."""
    call.media = b"text/plain"
    headers = [(b"content-type", call.media), NO_STORE]
    await call.stream({"type": "http.response.start", "status": 200, "headers": headers})

    async def copy() -> None:
        while pieces := await stream.read():
            body = b"".join(piece.data for piece in pieces)
            await call.stream({"type": "http.response.body", "body": body, "more_body": True})
        await call.stream({"type": "http.response.body", "body": b""})
        leaving.cancel()

    async def leave() -> None:
        while (await call.receive())["type"] != "http.disconnect":
            pass
        copying.cancel()

    async with asyncio.TaskGroup() as group:
        copying = group.create_task(copy())
        leaving = group.create_task(leave())
