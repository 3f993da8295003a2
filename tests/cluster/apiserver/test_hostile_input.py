"""Whatever a client sends, it gets a Status in the form that it takes, and never a defect's 500."""

from __future__ import annotations

import base64
import json

import pytest
from google.protobuf.message import Message

from serialization.api.core.v1_pb2 import Event, Node, Pod
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from tests.cluster.apiserver.serving import InProcess, Json, Reply

PODS = "/api/v1/namespaces/default/pods"
PROTOBUF = {"content-type": "application/vnd.kubernetes.protobuf"}
POD: Json = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
DIGITS = "9" * 5000


def document(kind: str, message: Message) -> bytes:
    return CODECS["protobuf"].encode(TypeMeta("v1", kind), message)


def token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def told(reply: Reply) -> tuple[int, object]:
    return reply.code, reply.json()["message"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/", 200),
        ("/api//", 200),
        ("*", 404),
        ("/apis/apps/v1/", 200),
        ("/api/v1/watch", 404),
        ("/api/v1/watch/watch/pods", 404),
        ("/api/v1" + "/watch" * 2000 + "/pods", 404),
    ],
)
def test_path_of_an_odd_shape_is_answered(api: InProcess, path: str, code: int) -> None:
    assert api.call("GET", path).code == code


@pytest.mark.parametrize(
    ("method", "target", "code", "message"),
    [
        ("GET", f"/p?resourceVersion={DIGITS}", 500, f'parsing "{DIGITS}": value out of range'),
        ("GET", "/p?resourceVersion=%EF%BC%91", 500, 'parsing "\uff11": invalid syntax'),
        ("GET", "?limit=1_0", 400, 'strconv.ParseInt: parsing "1_0": invalid syntax'),
        ("GET", f"?limit={DIGITS}", 400, f'parsing "{DIGITS}": value out of range'),
        ("DELETE", f"/p?gracePeriodSeconds={DIGITS}", 400, "value out of range"),
        ("GET", "?watch=1&timeoutSeconds=-", 400, "invalid syntax"),
        ("GET", f"?watch=1&timeoutSeconds={DIGITS}", 400, "value out of range"),
        ("GET", "?continue=" + token("[" * 3000), 400, "continue key is not valid"),
        (
            "GET",
            "?continue=" + token('{"v":"meta.k8s.io/v1","rv":1,"start":"\\ud800"}'),
            400,
            "incorrect encoded start",
        ),
        (
            "GET",
            "?continue=" + token('{"v":"meta.k8s.io/v1","rv":true,"start":"x"}'),
            400,
            "incorrect encoded start",
        ),
        (
            "GET",
            "?continue=" + token('{"v":"meta.k8s.io/v1","rv":-2,"start":"x"}'),
            400,
            "incorrect encoded start",
        ),
    ],
)
def test_number_that_is_none_is_refused_in_words(
    api: InProcess, method: str, target: str, code: int, message: str
) -> None:
    api.create(PODS, POD)

    found, words = told(api.call(method, PODS + target))

    assert found == code
    assert message in str(words)


def test_resource_version_of_a_body_that_no_number_holds_is_refused(api: InProcess) -> None:
    api.create(PODS, POD)
    body = {**POD, "metadata": {"name": "p", "resourceVersion": DIGITS}}

    code, words = told(api.call("PUT", f"{PODS}/p", body))

    assert (code, words) == (500, f'strconv.ParseUint: parsing "{DIGITS}": value out of range')


@pytest.mark.parametrize(("seconds", "nanos"), [(1 << 60, 0), (-(1 << 40), 0), (1 << 38, 0)])
def test_time_that_json_cannot_tell_is_not_stored(api: InProcess, seconds: int, nanos: int) -> None:
    api.create(PODS, POD)
    pod = Pod.FromString(
        CODECS["protobuf"].unwrap(
            api.call("GET", f"{PODS}/p", headers={"accept": PROTOBUF["content-type"]}).body
        )[1]
    )
    condition = pod.status.conditions.add(type="Ready", status="True")
    condition.lastTransitionTime.seconds = seconds

    code, words = told(api.call("PUT", f"{PODS}/p/status", document("Pod", pod), PROTOBUF))

    assert code == 400
    assert f"status.conditions[0].lastTransitionTime: {seconds} s is outside" in str(words)
    assert api.call("GET", PODS).code == 200


def test_fraction_of_a_second_that_is_none_is_not_stored(api: InProcess) -> None:
    event = Event(reason="x")
    event.metadata.name = "e"
    event.involvedObject.namespace = "default"
    event.eventTime.seconds, event.eventTime.nanos = 1_790_000_000, 1_000_000_000

    reply = api.call(
        "POST", "/api/v1/namespaces/default/events", document("Event", event), PROTOBUF
    )

    assert reply.code == 400
    assert "eventTime: 1000000000 nanoseconds are not within a second" in str(told(reply)[1])


@pytest.mark.parametrize("asked", [None, 2**63 - 1])
def test_pod_in_endless_grace_can_be_read_and_hurried(api: InProcess, asked: int | None) -> None:
    pod = {
        "metadata": {"name": "p"},
        "spec": {
            "nodeName": "n",
            "terminationGracePeriodSeconds": 2**63 - 1,
            "containers": [{"name": "c", "image": "i"}],
        },
    }
    api.create(PODS, pod)

    body = b"" if asked is None else json.dumps({"gracePeriodSeconds": asked}).encode()
    going = api.call("DELETE", f"{PODS}/p", body)
    hurried = api.call("DELETE", f"{PODS}/p?gracePeriodSeconds=5")

    assert (going.code, hurried.code) == (200, 200)
    assert b'"deletionTimestamp":"9999-12-31T23:59:59Z"' in going.body
    assert b'"deletionTimestamp":"2026-11-23T01:02:08Z"' in hurried.body
    assert api.call("GET", PODS).code == 200


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("127.0.0.1", 99999),
        ("127.0.0.1", -1),
        ("127.0.0.1\r\nX-Evil: 1", 80),
        ("127.0.0.1:1/x?", 1),
        ("user@127.0.0.1", 1),
        ("[", 1),
        ("fe80::1%eth0", 1),
        ("a]b", 1),
        ("a b", 1),
        ("a..b", 1),
        ("x" * 70, 1),
        ("é", 1),
        ("\0", 1),
    ],
)
def test_log_is_fetched_from_nothing_but_a_host(api: InProcess, address: str, port: int) -> None:
    node = Node()
    node.metadata.name = "n"
    node.status.addresses.add(type="InternalIP", address=address)
    node.status.daemonEndpoints.kubeletEndpoint.Port = port
    assert api.call("POST", "/api/v1/nodes", document("Node", node), PROTOBUF).code == 201
    spec: Json = {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}
    api.create(PODS, {"metadata": {"name": "p"}, "spec": spec})

    code, words = told(api.call("GET", f"{PODS}/p/log"))

    assert (code, words) == (500, f"dial tcp: address {address}:{port}: no such host")
