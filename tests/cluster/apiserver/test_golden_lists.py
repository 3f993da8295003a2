"""All recorded lists, asked of our server: each agrees, is out of scope yet, or differs on purpose.

Compared modulo uids, times, object versions; list versions and tokens are compared.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import Final, cast

import pytest

from tests.cluster.apiserver import recorded
from tests.cluster.apiserver.kinds import recorded_strategies
from tests.cluster.apiserver.serving import InProcess, Json, JsonValue, Reply, serving

logger = logging.getLogger(__name__)

MAPS: Final = "/api/v1/namespaces/ls/configmaps"
FIRST_REVISION: Final = 517
"""Of c0, in the recording; the other six follow one by one."""
CHANGED_FROM: Final = "snapshot.page2"
"""From this record on c3 is deleted, c3b made, c4 changed."""
BIG_FROM: Final = "gzip.over128KiB.json"

COPIED: Final = ("name", "labels", "annotations", "finalizers")

KINDS_TO_COME: Final = {
    "PriorityClass", "StorageClass", "Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob",
    "PodDisruptionBudget", "NetworkPolicy", "Role", "RoleBinding", "ClusterRole",
    "ClusterRoleBinding", "HorizontalPodAutoscaler",
}  # fmt: skip
"""Kinds that are not served yet. One that is leaves this list by itself: it is replayed."""

FEATURES_TO_COME: Final[dict[str, str]] = {}
"""Media types that are not served yet, by what they are called."""

ON_PURPOSE: Final[dict[str, str]] = {}
"""Records that differ, and why."""


def setting(all_records: list[Json]) -> tuple[dict[str, str], list[Json], list[Json]]:
    """Return generated names, the ConfigMaps that stood there at the end, and the nodes."""
    names: dict[str, str] = {}
    maps, nodes = [], []
    for record in all_records:
        answer = record["resBody"]
        if not isinstance(answer, dict):
            continue
        rows = cast("list[Json]", answer.get("rows") or [])
        for row in rows:
            meta = cast("dict[str, str]", cast("Json", row["object"] or {}).get("metadata", {}))
            if "generateName" in meta:
                names[meta["generateName"]] = meta["name"]
        if record["id"] == "order":
            maps = cast("list[Json]", answer["items"])
        if record["id"] == "table.Node":
            nodes = [node_of(row) for row in rows]
    return names, maps, nodes


def node_of(row: Json) -> Json:
    """Return a node that is shown so, to be posted."""
    cells = cast("list[str]", row["cells"])
    status: Json = {}
    if cells[1] != "Unknown":
        ready = "True" if cells[1] == "Ready" else "False"
        status["conditions"] = [{"type": "Ready", "status": ready}]
    if cells[5] != "<none>":
        status["addresses"] = [{"type": "InternalIP", "address": cells[5]}]
    return {**bare(cast("Json", row["object"])), "status": status}


def bare(obj: Json) -> Json:
    """Return an object as a client posts it."""
    meta = cast("Json", obj["metadata"])
    kept: Json = {name: meta[name] for name in COPIED if name in meta}
    made: Json = {"metadata": kept}
    made.update({name: obj[name] for name in ("data", "binaryData", "immutable") if name in obj})
    return made


class Replay:
    """Our server in the recorded state, asked record by record."""

    def __init__(self, api: InProcess, all_records: list[Json]) -> None:
        self._api = api
        names, self._maps, nodes = setting(all_records)
        for name in ("ls", "pat", "w"):
            api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        recorded.recreate(api, names)
        there = api.call("GET", "/api/v1/nodes").body.decode()
        for node in nodes:
            if f'"{cast("Json", node["metadata"])["name"]}"' not in there:
                api.create("/api/v1/nodes", node)
        for item in self._maps:
            namespace = cast("Json", item["metadata"])["namespace"]
            if namespace not in {"golden", "ls"}:
                api.create(f"/api/v1/namespaces/{namespace}/configmaps", bare(item))
        first = 0
        for number in range(7):
            labels: Json = {"par": str(number % 2)}
            made = api.create(MAPS, {"metadata": {"name": f"c{number}", "labels": labels}})
            if not number:
                first = int(cast("dict[str, str]", made["metadata"])["resourceVersion"])
        self._revisions = recorded.Revisions(first - FIRST_REVISION)

    def reply(self, record: Json) -> Reply:
        """Ask what was asked."""
        if record["id"] == CHANGED_FROM:
            self._change()
        if record["id"] == BIG_FROM:
            big = {"metadata": {"name": "big"}, "data": {"a": "x" * 190_000}}
            self._api.create(MAPS, big)
        headers = cast("dict[str, str]", record.get("reqHeaders") or {})
        path = self._revisions.path(str(record["path"]))
        return self._api.call("GET", path, headers=headers)

    def agrees(self, record: Json, reply: Reply) -> bool:
        """Tell whether we answered as was recorded."""
        theirs = record["resBody"]
        if reply.code != record["status"]:
            return False
        if isinstance(theirs, dict) and "gunzipped" in theirs:
            wanted = cast("dict[str, str]", record["resHeaders"])
            names = ("Content-Encoding", "Vary", "Content-Type")
            return all(reply.header(name.lower()) == wanted.get(name, "") for name in names)
        told = recorded.comparable(recorded.tree_of(reply.body))
        expected = recorded.tree_of(theirs)
        expected = self._revisions.head(expected)
        if str(record["path"]).partition("?")[0].endswith("/pod-full"):
            told, expected = _unversioned(told), _unversioned(expected)
        return told == recorded.comparable(expected)

    def _change(self) -> None:
        by_name = {cast("Json", item["metadata"])["name"]: item for item in self._maps}
        assert self._api.call("DELETE", f"{MAPS}/c3").code == 200
        self._api.create(MAPS, bare(by_name["c3b"]))
        changed = self._api.call("PUT", f"{MAPS}/c4", bare(by_name["c4"]))
        assert changed.code == 200, changed.body


def _unversioned(tree: JsonValue) -> JsonValue:
    """Return a table of one object without that object's version, which is of one run."""
    assert isinstance(tree, dict)
    return {**tree, "metadata": {}} if tree["kind"] == "Table" else tree


def out_of_scope(api: InProcess, record: Json) -> str:
    """Return what a record needs that is still to come; empty where nothing is."""
    headers = str(record.get("reqHeaders"))
    for feature, mark in FEATURES_TO_COME.items():
        if mark in headers:
            return feature
    if recorded.served_resource(api, str(record["path"])) is None:
        found = re.search(r"\.([A-Z]\w+)", str(record["id"]))
        return found[1] if found else "an unnamed kind"
    return ""


@pytest.mark.slow
def test_recorded_lists_are_answered_as_recorded() -> None:
    all_records = list(recorded.records("list.jsonl"))
    classes: Counter[str] = Counter()
    wrong: list[tuple[str, str]] = []
    to_come: set[str] = set()

    with serving(recorded_strategies()) as api:
        replay = Replay(api, all_records)
        for record in all_records:
            name = str(record["id"])
            missing = out_of_scope(api, record)
            reply = replay.reply(record)
            if missing:
                to_come.add(missing)
                classes["out of scope yet"] += 1
                if reply.code not in {404, 406}:
                    wrong.append((name, f"to come, but answered with {reply.code}"))
            elif replay.agrees(record, reply) is (name in ON_PURPOSE):
                wrong.append((name, reply.body.decode(errors="replace")[:2000]))
            else:
                classes["on purpose" if name in ON_PURPOSE else "agreeing"] += 1

    logger.info("%s", dict(classes))
    assert wrong == []
    assert to_come <= KINDS_TO_COME | set(FEATURES_TO_COME)
    assert sum(classes.values()) == len(all_records) == 292
    assert classes["agreeing"] >= 179
