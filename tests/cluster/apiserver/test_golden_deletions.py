"""The recorded deletions, in their order: code, answer, and what the object has become.

Each record is agreeing, out of scope yet, or different on purpose; one that is in the wrong class
fails, whichever way.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import cast

import pytest

from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.kinds import config_map, pod, recorded_strategies
from tests.cluster.apiserver.serving import InProcess, Json, Reply, serving

OUT_OF_SCOPE = {"delete.deploy-default": "no deployments yet"}
ON_PURPOSE = {
    "delete.accept-pb": "empty strings are left out of the protobuf form",
}

MAPS = "/api/v1/namespaces/err/configmaps"
PODS = "/api/v1/namespaces/err/pods"
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RECORD = re.compile(r"in record \(\d+\)")


def _prepare(api: InProcess) -> None:
    """Make what the recording's own preparation made."""
    api.create("/api/v1/namespaces", {"metadata": {"name": "err"}})
    for index in range(1, 9):
        api.create(MAPS, config_map(f"dl{index}"))
    for name in ("dc1", "dc2"):
        api.create(MAPS, config_map(name, labels={"dc": "1"}))
    api.create(PODS, pod("p1"))
    for index in range(2, 7):
        api.create(PODS, pod(f"p{index}", node="node-a"))
    api.create(PODS, pod("fin1", finalizers=["example.com/f"]))


def _raw(body: object) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _time(meta: Json, name: str) -> float:
    return datetime.fromisoformat(cast("str", meta[name])).timestamp()


def _facts(answer: Json) -> object:
    """Return what an answer says, without what differs from run to run."""
    if answer["kind"] == "Status":
        text = json.dumps(answer, sort_keys=True, ensure_ascii=False)
        return _RECORD.sub("in record (N)", _UID.sub("UID", text))
    if str(answer["kind"]).endswith("List"):
        items = cast("list[Json]", answer["items"])
        head = cast("Json", answer["metadata"])
        if "continue" in head:  # one page of all that is there, which is that run's
            return len(items), sorted(head)
        return [_facts({"kind": "", **each}) for each in items], sorted(head)
    meta = cast("Json", answer["metadata"])
    kept = {name: meta.get(name) for name in ("name", "generation", "labels", "finalizers")}
    kept["grace"] = meta.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" in meta and meta["deletionGracePeriodSeconds"]:
        kept["far"] = _time(meta, "deletionTimestamp") - _time(meta, "creationTimestamp")
    return kept


def _agrees(reply: Reply, record: Json) -> bool:
    if reply.code != record["status"]:
        return False
    answer = cast("Json", record["resBody"])
    if "hex" in answer:
        return reply.body == bytes.fromhex(cast("str", answer["hex"]))
    return _facts(reply.json()) == _facts(answer)


@pytest.mark.slow
def test_recorded_deletions_are_carried_out_as_recorded() -> None:
    with golden("errors.jsonl").open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    agreeing, wrong = [], {}

    with serving(recorded_strategies()) as api:
        _prepare(api)
        for record in records:
            name = record["id"]
            if not name.startswith("delete."):
                continue
            reply = api.call(
                record["method"], record["path"], _raw(record.get("reqBody")), record["reqHeaders"]
            )
            if _agrees(reply, record):
                agreeing.append(name)
            elif name not in OUT_OF_SCOPE and name not in ON_PURPOSE:
                wrong[name] = (reply.code, reply.body, record["resBody"])

    assert wrong == {}
    assert not set(agreeing) & {*OUT_OF_SCOPE, *ON_PURPOSE}
    assert len(agreeing) == 34
