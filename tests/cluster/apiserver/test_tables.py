"""Tables as kubectl prints them, compared with those of a real Kubernetes."""

from __future__ import annotations

import json
from typing import cast

import pytest

from cluster.apiserver.tables.interface import age
from serialization.api.meta.v1_pb2 import Time
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.kinds import PODS_PATH, pod, recorded_strategies
from tests.cluster.apiserver.serving import NOW, InProcess, Json, serving

AS_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
KINDS = {
    "Service",
    "ConfigMap",
    "Endpoints",
    "EndpointSlice",
    "Event",
    "Lease",
    "LimitRange",
    "LimitRange-2",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "Secret",
    "ServiceAccount",
}
TIMES = {"Age", "Created At", "Last Seen", "First Seen", "Name"}
"""Columns whose cells belong to one run (generated names are compared by their rows' order)."""


@pytest.mark.slow
def test_tables_have_kubernetes_columns_and_cells() -> None:
    folder = golden("objects")
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    records = [each for each in map(json.loads, lines) if each["kind"] in KINDS]
    tables = {}
    with golden("list.jsonl").open(encoding="utf-8") as recorded:
        for line in recorded:
            record = json.loads(line)
            if record["id"] in {f"table.{kind}" for kind in KINDS}:
                tables[record["id"].removeprefix("table.")] = record
    compared = 0

    with serving(recorded_strategies()) as api:
        for record in records:
            request = (folder / f"{record['id']}.request.json").read_bytes()
            assert api.call("POST", record["createPath"], request).code == 201
            status = folder / f"{record['id']}.status.request.json"
            if status.exists():
                api.call("PUT", record["statusPath"], status.read_bytes())
        for kind, record in tables.items():
            table = api.call("GET", record["path"], headers={"accept": AS_TABLE}).json()
            expected = record["resBody"]
            assert table["columnDefinitions"] == expected["columnDefinitions"], kind
            columns = [column["name"] for column in expected["columnDefinitions"]]
            theirs = {_name(row): row for row in expected["rows"]}
            for row in cast("list[Json]", table["rows"]):
                if _name(row) in theirs:
                    known = theirs[_name(row)]
                    assert _cells(row, columns) == _cells(known, columns), kind
                    compared += 1

    assert compared >= 40


def _name(row: Json) -> str:
    meta = cast("Json", cast("Json", row["object"])["metadata"])
    return str(meta.get("generateName") or meta["name"])


def _cells(row: Json, columns: list[str]) -> list[object]:
    cells = zip(columns, cast("list[object]", row["cells"]), strict=True)
    return [
        "drawn" if column == "Cluster-IP" and str(cell).startswith("10.96.") else cell
        for column, cell in cells
        if column not in TIMES
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (299, "4m59s"),
        (700, "11m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 120, "3h2m"),
        (47 * 3600, "47h"),
        (2 * 86400 + 3600, "2d1h"),
        (30 * 86400, "30d"),
        (3 * 365 * 86400 + 86400, "3y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_age_is_told_in_two_units_at_most(seconds: int, text: str) -> None:
    since = Time(seconds=int(NOW.timestamp()) - seconds)

    assert age(since, NOW) == text


def test_age_of_nothing_is_unknown() -> None:
    assert age(Time(), NOW) == "<unknown>"


@pytest.mark.parametrize(("include", "kind"), [("Object", "Pod"), ("", "PartialObjectMetadata")])
def test_rows_hold_what_was_asked_for(api: InProcess, include: str, kind: str) -> None:
    api.create(PODS_PATH, pod())

    reply = api.call("GET", f"{PODS_PATH}?includeObject={include}", headers={"accept": AS_TABLE})

    rows = cast("list[Json]", reply.json()["rows"])
    assert cast("Json", rows[0]["object"])["kind"] == kind


def test_rows_without_objects(api: InProcess) -> None:
    api.create(PODS_PATH, pod())

    reply = api.call("GET", f"{PODS_PATH}/a?includeObject=None", headers={"accept": AS_TABLE})

    row = cast("list[Json]", reply.json()["rows"])[0]
    assert list(row) == ["cells", "object"]
    assert row["object"] is None


def test_deleted_pod_is_shown_as_terminating(api: InProcess) -> None:
    api.create(PODS_PATH, pod(node="n1"))
    api.call("DELETE", f"{PODS_PATH}/a")

    reply = api.call("GET", PODS_PATH, headers={"accept": f"{AS_TABLE},application/json"})

    cells = cast("list[object]", cast("list[Json]", reply.json()["rows"])[0]["cells"])
    assert cells[2] == "Terminating"
