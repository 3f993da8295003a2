"""What is stored and answered is what a real Kubernetes answered to the same requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import pytest

from cluster.apiserver.allocation.services import SERVICE_RANGE
from serialization.codecs.registry import CODECS
from serialization.kinds import SCHEME
from serialization.scheme import metadata_of
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.kinds import PROTOBUF, recorded_strategies
from tests.cluster.apiserver.serving import Json, Reply, serving

KINDS = {
    "Service",
    "ServiceAccount",
    "Secret",
    "ResourceQuota",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "LimitRange",
    "EndpointSlice",
    "Endpoints",
    "ConfigMap",
    "Event",
    "Lease",
    "Namespace",
    "Node",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
}
ENDPOINTS = "v1 Endpoints is deprecated"
OTHER_WARNINGS = {"Pod-4": "amounts that Kubernetes stores as others than were sent"}
"""Objects whose creator is warned of other things, and why."""
OWN = ("uid", "creationTimestamp", "resourceVersion")
"""Fields whose values belong to one run."""


def _comparable(text: bytes, asked: bytes) -> Json:
    """Return an answer without what belongs to one run; ``asked`` is what was posted."""
    obj = cast("Json", json.loads(text))
    meta = cast("Json", obj["metadata"])
    meta.pop("managedFields", None)  # not tracked: a declared difference
    for name in OWN:
        meta[name] = "there" if meta.get(name) else "missing"
    status = cast("Json", obj.get("status", {}))
    if "lastPhaseTransitionTime" in status:
        status["lastPhaseTransitionTime"] = "there"
    spec = cast("Json", obj.get("spec", {}))
    if spec.get("clusterIP") and b"clusterIP" not in asked:
        assert spec["clusterIPs"] == [spec["clusterIP"]]
        assert ip_address(str(spec["clusterIP"])) in SERVICE_RANGE
        spec["clusterIP"], spec["clusterIPs"] = "drawn", ["drawn"]
    if "generateName" in meta:
        meta["name"] = meta["generateName"]
    return obj


def _records(folder: Path) -> list[dict[str, str]]:
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] in KINDS]


def _warnings(reply: Reply) -> list[str]:
    return [value.decode() for key, value in reply.headers if key == b"warning"]


def _recorded_warnings(record: Mapping[str, object]) -> list[str]:
    """Return what the creator was warned of; that Endpoints are deprecated came after 1.32."""
    told = cast("dict[str, str | list[str]]", record["createHeaders"]).get("Warning", [])
    return [each for each in ([told] if isinstance(told, str) else told) if ENDPOINTS not in each]


@pytest.mark.slow
@pytest.mark.parametrize("storage_codec", ["protobuf", "json", "orjson"])
def test_objects_are_stored_as_kubernetes_stores_them(storage_codec: str) -> None:
    folder = golden("objects")
    compared = 0

    with serving(recorded_strategies(), storage_codec=storage_codec) as api:
        for record in _records(folder):
            name = record["id"]
            request = (folder / f"{name}.request.json").read_bytes()
            created = api.call("POST", record["createPath"], request)
            assert created.code == 201, created.body
            same = _warnings(created) == _recorded_warnings(record)
            assert same is not (name in OTHER_WARNINGS), name
            meta = cast("dict[str, str]", created.json()["metadata"])
            status = folder / f"{name}.status.request.json"
            if status.exists():
                put = api.call("PUT", record["statusPath"], status.read_bytes())
                assert put.code == 200, put.body
            path = record["createPath"].partition("?")[0] + "/" + meta["name"]
            got = api.call("GET", path)

            expected = (folder / f"{name}.response.json").read_bytes()
            assert _comparable(got.body, request) == _comparable(expected, request), name
            compared += 1

    assert compared == 43


@pytest.mark.slow
def test_objects_that_are_sent_back_as_they_were_read_stay_as_they_are() -> None:
    folder = golden("objects")

    with serving(recorded_strategies()) as api:
        for record in _records(folder):
            request = (folder / f"{record['id']}.request.json").read_bytes()
            made = api.call("POST", record["createPath"], request)
            name = str(cast("Json", made.json()["metadata"])["name"])
            path = f"{record['createPath'].partition('?')[0]}/{name}"

            again = api.call("PUT", path, made.body)

            assert again.code == 200, again.body
            assert _comparable(again.body, b"clusterIP") == _comparable(made.body, b"clusterIP")


@pytest.mark.slow
def test_objects_with_the_zeros_of_real_clients_are_taken_for_the_same() -> None:
    """Go's protobuf writes every field that is no pointer; what it wrote is posted again."""
    folder = golden("objects")
    codec = CODECS["protobuf"]
    compared = 0

    with serving(recorded_strategies()) as api:
        for record in _records(folder):
            name, path = record["id"], record["createPath"].partition("?")[0]
            if (folder / f"{name}.status.request.json").exists():
                continue
            kind, bare = codec.unwrap((folder / f"{name}.response.pb").read_bytes())
            obj = codec.decode_bare(SCHEME.by_kind(*kind).message, bare)
            metadata_of(obj).ClearField("resourceVersion")
            metadata_of(obj).ClearField("uid")
            body = codec.encode(kind, obj)
            own_path = f"{path}/{metadata_of(obj).name}"

            made = api.call("POST", path, body, {"content-type": PROTOBUF})
            again = api.call("PUT", own_path, body, {"content-type": PROTOBUF})

            assert (made.code, again.code) == (201, 200), (name, made.body, again.body)
            expected = (folder / f"{name}.response.json").read_bytes()
            for answer in (made.body, again.body):
                assert _comparable(answer, b"clusterIP") == _comparable(expected, b"clusterIP")
            compared += 1

    assert compared >= 30
