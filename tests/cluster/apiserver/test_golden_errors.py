"""Requests that go wrong (and some that do not) are answered as a real Kubernetes answered them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, cast

import pytest

from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.kinds import PROTOBUF, config_map, pod, recorded_strategies
from tests.cluster.apiserver.serving import InProcess, Json, Reply, serving

SERVED = re.compile(
    r"/(pods|nodes|replicationcontrollers|namespaces|events|leases|configmaps|bindings|widgets)"
    r"([/?]|$)|^/(nope|version|apis/(nope|apps))"
)
ELSEWHERE = re.compile(
    r"services|deployments/|deployments$|replicasets|persistentvolume|roles|limitranges|quota"
    r"|secrets|endpoints|eviction|serviceaccounts|/log|/exec|ephemeral|/scale|poddisruption|jobs"
)
OTHER_FEATURES = (
    "admission.quota",  # no quotas and no limit ranges yet
    "admission.limitrange",
    "delete.finalizer",  # depends on a patch
    "expired",  # needs that server's history
    "list-rv-old",
    "list.continue-wrong",
    "quantity-large",
    "table",
    "unauthorized",  # no authentication yet
    "acceptable.as-table",
    "rv.get-future",  # wait three seconds each; test_reads has them
    "rv.list-future",
    "rv.exact-future",
)

KNOWN = {
    "create.empty-body": "another JSON parser's words",
    "create.body-array": "another JSON parser's words",
    "create.body-string": "another JSON parser's words",
    "create.body-null": "a body of null is refused, not taken for an empty object",
    "create.malformed-json": "another JSON parser's words",
    "create.malformed-json-2": "another JSON parser's words",
    "create.trailing-json": "another JSON parser's words",
    "create.invalid-utf8": "bytes that are no UTF-8 are refused, not replaced",
    "create.protobuf-malformed": "another protobuf parser's words",
    "create.protobuf-noprefix": "another protobuf parser's words",
    "create.invalid-name-long": "bytes, not characters",
    "create.invalid-generateName": "the generated name is in the message",
    "badquantity": "the path of the field is told as well",
    "badtype": "the path of the field is told, without Go's type names",
    "fieldvalidation.create-Strict": "duplicates are told first",
    "notfound.object-pb": "empty strings are left out of the protobuf form",
    "delete.accept-pb": "empty strings are left out of the protobuf form",
    "conflict.put-stale": "the uid of that run is in the body",
    "put.ok": "the uid of that run is in the body",
    "status.pod-put-main": "the uid of that run is in the body",
    "delete.rv-wrong": "that run's revision is in the message",
}
"""Answers that differ, and why."""

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OFFERED = "application/yaml, "
"""YAML is not served: it is missing from what error messages offer."""


class Recorded(NamedTuple):
    """One recorded exchange."""

    id: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    code: int
    answer: object


def _records() -> Iterator[Recorded]:
    with golden("errors.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            path, body = record["path"], record.get("reqBody")
            if record["method"] == "PATCH" or "yaml" in record["id"] or "watch=1" in path:
                continue
            if not SERVED.search(path) or ELSEWHERE.search(path):
                continue
            if record["id"].startswith(OTHER_FEATURES) or "yaml" in str(record["reqHeaders"]):
                continue
            if isinstance(body, dict) and "len" in body:
                continue
            yield Recorded(
                record["id"],
                record["method"],
                path,
                record["reqHeaders"],
                _raw(body),
                record["status"],
                record["resBody"],
            )


def _raw(body: object) -> bytes:
    if body is None:
        return b""
    if isinstance(body, dict) and "hex" in body:
        return bytes.fromhex(body["hex"])
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _prepare(api: InProcess) -> None:
    """Make the objects that the recording made without recording it."""
    for name in ("err", "lim", "golden"):
        api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    api.create(
        "/api/v1/namespaces",
        {
            "metadata": {"name": "golden-fin", "finalizers": ["example.com/hold"]},
            "spec": {"finalizers": ["kubernetes", "example.com/nsfin"]},
        },
    )
    api.create("/api/v1/nodes", {"metadata": {"name": "node-a"}})
    maps = "/api/v1/namespaces/err/configmaps"
    for name in ("cm1", *(f"dl{index}" for index in range(1, 9))):
        api.create(maps, config_map(name))
    pods = "/api/v1/namespaces/err/pods"
    for name in ("a", "b", "p1"):
        api.create(pods, pod(name))
    for index in range(2, 7):
        api.create(pods, pod(f"p{index}", node="node-a"))
    gated = pod("gated")
    cast("Json", gated["spec"])["schedulingGates"] = [{"name": "example.com/g"}]
    api.create(pods, gated)


def _differs(reply: Reply, record: Recorded) -> bool:
    if reply.code != record.code:
        return True
    answer = record.answer
    if isinstance(answer, dict) and "hex" in answer:
        return reply.body != bytes.fromhex(cast("str", answer["hex"]))
    if isinstance(answer, str):
        return reply.body.decode() != answer
    if not isinstance(answer, dict) or answer.get("kind") != "Status":
        return False
    if reply.media_type == PROTOBUF:
        return True
    return _words(reply.json()) != _words(cast("Json", answer))


def _words(status: Json) -> str:
    text = json.dumps(status, sort_keys=True, ensure_ascii=False)
    return _UID.sub("UID", text).replace(_OFFERED, "")


@pytest.mark.slow
def test_recorded_requests_are_answered_as_recorded() -> None:
    replayed = 0
    different = []

    with serving(recorded_strategies()) as api:
        _prepare(api)
        for record in _records():
            reply = api.call(record.method, record.path, record.body, record.headers)
            replayed += 1
            if _differs(reply, record) and not any(record.id.startswith(each) for each in KNOWN):
                different.append((record.id, reply.code, reply.body, record.answer))

    assert different == []
    assert replayed > 180
