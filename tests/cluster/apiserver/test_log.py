"""GET of a pod's log: which container, which kubelet, and what comes back from there."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from cluster.apiserver.kubelets import dial_http, kubelet_url, unreachable
from cluster.client.exchange import Piece, Request, RequestTimeoutError, Response
from cluster.client.interface import TransportError
from serialization.api.core.v1_pb2 import Node, NodeAddress
from storage.clock import Clock
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.serving import InProcess, Json

PODS = "/api/v1/namespaces/default/pods"
NODE: Json = {
    "metadata": {"name": "n1"},
    "status": {
        "addresses": [
            {"type": "Hostname", "address": "n1"},
            {"type": "InternalIP", "address": "127.0.0.1"},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 1}},
    },
}


class Text:
    """A kubelet's answer (``BodyStream``)."""

    def __init__(self, code: int, pieces: list[bytes]) -> None:
        whole = b"" if code == 200 else b"".join(pieces)
        self.response = Response(code, "text/plain", whole, 0, 0, 0)
        self._pieces = pieces
        self.closed = False

    async def read(self) -> list[Piece]:
        return [Piece(0, self._pieces.pop(0), 0)] if self._pieces else []

    def close(self) -> None:
        self.closed = True


class FakeKubelet:
    """Answers every request with the same; or not at all."""

    def __init__(self, answer: Text | TransportError) -> None:
        self._answer = answer
        self.asked: list[str] = []
        self.closed = False

    def dial(self, base_url: str, _clock: Clock) -> FakeKubelet:
        self.base_url = base_url
        return self

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        raise NotImplementedError("logs are streamed")

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> Text:
        self.asked.append(request.target)
        if isinstance(self._answer, TransportError):
            raise self._answer
        return self._answer

    def close(self) -> None:
        self.closed = True


def pod(name: str, *containers: str, node: str = "n1", init: tuple[str, ...] = ()) -> Json:
    return {
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "containers": [{"name": each, "image": "i"} for each in containers],
            "initContainers": [{"name": each, "image": "i"} for each in init],
        },
    }


def kubelet_of(api: InProcess, answer: Text | TransportError) -> FakeKubelet:
    api.create("/api/v1/nodes", NODE)
    kubelet = FakeKubelet(answer)
    api.server.api.dial = kubelet.dial
    return kubelet


def test_log_is_fetched_from_the_node_that_the_pod_is_on(api: InProcess) -> None:
    text = Text(200, [b"one\n", b"two\n"])
    kubelet = kubelet_of(api, text)
    api.create(PODS, pod("p", "c"))

    reply = api.call("GET", f"{PODS}/p/log?tailLines=5&timestamps=true&follow=false&pretty=x")

    assert (reply.code, reply.body, reply.media_type) == (200, b"one\ntwo\n", "text/plain")
    assert kubelet.base_url == "http://127.0.0.1:1"
    assert kubelet.asked == ["/containerLogs/default/p/c?timestamps=true&tailLines=5"]
    assert text.closed
    assert kubelet.closed


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "a container name must be specified for pod p, choose one of: [a b]"),
        ("?container=x", "container x is not valid for pod p"),
        ("?container=a&tailLines=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        (
            "?container=a&sinceTime=x",
            'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse',
        ),
    ],
)
def test_request_that_is_not_clear_is_refused(api: InProcess, query: str, message: str) -> None:
    kubelet = kubelet_of(api, Text(200, []))
    api.create(PODS, pod("p", "a", "b"))

    reply = api.call("GET", f"{PODS}/p/log{query}")

    status = reply.json()
    assert (reply.code, status["reason"], status["message"]) == (400, "BadRequest", message)
    assert kubelet.asked == []


def test_init_containers_are_offered_too(api: InProcess) -> None:
    kubelet_of(api, Text(200, []))
    api.create(PODS, pod("p", "a", "b", init=("i",)))

    message = api.call("GET", f"{PODS}/p/log").json()["message"]

    assert message == (
        "a container name must be specified for pod p, choose one of: [a b] or one of the init "
        "containers: [i]"
    )
    assert api.call("GET", f"{PODS}/p/log?container=i").code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("tailLines=-1", "tailLines"),
        ("limitBytes=0", "limitBytes"),
        ("sinceSeconds=0", "sinceSeconds"),
        ("sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z", ""),
    ],
)
def test_options_that_make_no_sense_are_invalid(api: InProcess, query: str, field: str) -> None:
    kubelet_of(api, Text(200, []))
    api.create(PODS, pod("p", "c"))

    reply = api.call("GET", f"{PODS}/p/log?{query}")

    told = reply.json()["message"]
    assert reply.code == 422
    assert isinstance(told, str)
    assert told.startswith(f'PodLogOptions "p" is invalid: {field}: ')


class Told(NamedTuple):
    """What a client is told."""

    code: int
    reason: str | None
    message: str


TARGET = "http://127.0.0.1:1/containerLogs/default/p/c"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Text(400, [b"container is waiting"]), Told(400, "BadRequest", "container is waiting")),
        (Text(500, [b"oh"]), Told(500, "InternalError", "Internal error occurred: oh")),
        (
            Text(404, [b'pod "p" does not exist']),
            Told(404, "NotFound", "the server could not find the requested resource ( pods p)"),
        ),
        (
            Text(503, [b"busy"]),
            Told(500, None, "the server responded with the status code 503: busy"),
        ),
        (
            RequestTimeoutError("late"),
            Told(500, None, f'Get "{TARGET}": dial tcp 127.0.0.1:1: i/o timeout'),
        ),
        (TransportError("torn"), Told(500, None, f'Get "{TARGET}": torn')),
    ],
)
def test_kubelet_that_has_no_log_is_told(
    api: InProcess, answer: Text | TransportError, told: Told
) -> None:
    kubelet = kubelet_of(api, answer)
    api.create(PODS, pod("p", "c"))

    reply = api.call("GET", f"{PODS}/p/log")

    status = reply.json()
    assert (reply.code, status.get("reason"), status["message"]) == told
    assert kubelet.closed


def test_refused_connections_are_told_as_go_tells_them() -> None:
    error = TransportError("no connection")
    error.__cause__ = ConnectionRefusedError(111, "refused")

    told = unreachable(TARGET, "http://127.0.0.1:1", error)

    assert (told.code, told.reason) == (500, "")
    assert told.message == f'Get "{TARGET}": dial tcp 127.0.0.1:1: connect: connection refused'


def test_recorded_answers_agree(api: InProcess) -> None:
    """A pod on no node, and one on a node that tells no address; ours dial nobody for either."""
    api.server.api.dial = dial_http
    api.create("/api/v1/nodes", {"metadata": {"name": "n1"}})
    api.create("/api/v1/namespaces", {"metadata": {"name": "err"}})
    api.create("/api/v1/namespaces/err/pods", pod("fvn", "c", node=""))
    api.create("/api/v1/namespaces/err/pods", pod("a", "c"))
    agreed = 0
    with golden("errors.jsonl").open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines if '"id": "sub.log-' in line]

    for record in records:
        reply = api.call("GET", record["path"])
        assert reply.code == record["status"]
        assert (reply.json() if reply.body else None) == record["resBody"]
        agreed += 1

    assert agreed == 2


@pytest.mark.parametrize(
    ("addresses", "url"),
    [
        ([("Hostname", "n"), ("InternalIP", "10.0.0.1")], "http://10.0.0.1:10250"),
        ([("Hostname", "n"), ("ExternalIP", "1.2.3.4")], "http://1.2.3.4:10250"),
        ([("Hostname", "n")], "http://n:10250"),
        ([("InternalIP", "::1")], "http://[::1]:10250"),
    ],
)
def test_address_of_a_kubelet_is_the_first_of_the_preferred_kinds(
    addresses: list[tuple[str, str]], url: str
) -> None:
    node = Node()
    node.status.daemonEndpoints.kubeletEndpoint.Port = 10250
    node.status.addresses.extend(
        NodeAddress(type=kind, address=address) for kind, address in addresses
    )

    assert kubelet_url(node) == url
