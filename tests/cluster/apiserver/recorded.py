"""What the replays of recordings share: the objects that stood there, and what can be compared.

Of one run are: uids, times, resourceVersions of objects, addresses that were allocated. Revisions
of lists and continue tokens are compared: the recorded ones lie a fixed offset from ours.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

import yaml

from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import SCHEME
from serialization.meta_kinds import META_MESSAGES
from serialization.scheme import Resource, UnknownKindError
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.serving import InProcess, Json, JsonValue

TIMED_COLUMNS: Final = frozenset(("Age", "Last Seen", "First Seen", "Created At", "Last Schedule"))
JSON: Final = "application/json"
OWN: Final = ("uid", "creationTimestamp", "resourceVersion", "deletionTimestamp")
_OWN_CELL: Final = re.compile(r"(\d+[smhdy]){1,2}|10\.96\.\d+\.\d+")
_TOKEN: Final = re.compile(r"continue=([A-Za-z0-9_-]+)")
_VERSION: Final = re.compile(r"resourceVersion=([1-9][0-9]*)")


def records(name: str) -> Iterator[Json]:
    """Yield the records of a file."""
    with golden(name).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def served_resource(api: InProcess, path: str) -> Resource | None:
    """Return the resource that a path names, if it is served."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    group, version, rest = ("", parts[1], parts[2:])
    if parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    if rest[0] == "watch":
        rest = rest[1:]
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    found = api.server.api.registry.find(group, version, rest[0])
    return None if found is None else found.resource


class Revisions:
    """Turns recorded revisions into ours."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def path(self, path: str) -> str:
        """Return a recorded path as it is to be asked of us."""
        path = _VERSION.sub(lambda found: f"resourceVersion={int(found[1]) + self._offset}", path)
        return _TOKEN.sub(lambda found: f"continue={self.token(found[1])}", path)

    def token(self, token: str) -> str:
        """Return a recorded continue token with our revision."""
        fields = read_token(token)
        if fields["rv"] != -1:
            fields["rv"] = cast("int", fields["rv"]) + self._offset
        text = json.dumps(fields, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def head(self, tree: JsonValue) -> JsonValue:
        """Return a recorded list with its metadata as ours would have it."""
        if not isinstance(tree, dict) or not isinstance(tree.get("metadata"), dict):
            return tree
        meta = dict(cast("Json", tree["metadata"]))
        if "resourceVersion" in meta:
            meta["resourceVersion"] = str(int(cast("str", meta["resourceVersion"])) + self._offset)
        if "continue" in meta:
            meta["continue"] = self.token(cast("str", meta["continue"]))
        return {**tree, "metadata": meta}


def read_token(token: str) -> Json:
    """Return what a continue token says."""
    return cast("Json", json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))))


def tree_of(body: bytes | JsonValue) -> JsonValue:
    """Return a body as a tree: JSON text, or a protobuf document (recorded as {hex})."""
    if isinstance(body, dict) and set(body) == {"hex"}:
        body = bytes.fromhex(cast("str", body["hex"]))
    if isinstance(body, str) and body.startswith("apiVersion: "):
        body = body.encode()
    if not isinstance(body, bytes):
        return body
    if body.startswith(b"apiVersion: "):
        return cast("JsonValue", yaml.load(body, Loader=yaml.BaseLoader))
    if not body.startswith(b"k8s\0"):
        return cast("JsonValue", json.loads(body))
    codec, text = CODECS["protobuf"], CODECS["json"]
    kind, bare = codec.unwrap(body)
    message = META_MESSAGES.get(kind)
    if message is None:
        message = _message_of(kind)
    made = codec.decode_bare(message, bare)
    return cast("JsonValue", json.loads(text.encode(kind, made)))


def _message_of(kind: TypeMeta) -> type:
    try:
        return SCHEME.by_kind(*kind).message
    except UnknownKindError:
        found = SCHEME.by_kind(kind.api_version, kind.kind.removesuffix("List")).list_message
        assert found is not None
        return found


def comparable(tree: JsonValue) -> JsonValue:
    """Return a tree without what is of one run."""
    if not isinstance(tree, dict):
        return tree
    made = dict(tree)
    kind = str(tree.get("kind", ""))
    if kind == "Table":
        return _comparable_table(made)
    if kind.endswith("List"):
        items = cast("list[Json] | None", tree.get("items"))
        made["items"] = None if items is None else [_comparable_object(item) for item in items]
        meta = dict(cast("Json", tree["metadata"]))
        if "continue" in meta:  # from cache or store: with a slash in front, or without
            token = read_token(cast("str", meta["continue"]))
            meta["continue"] = {**token, "start": str(token["start"]).removeprefix("/")}
        made["metadata"] = meta
        return made
    return _comparable_object(made) if kind != "Status" else made


def _comparable_table(table: Json) -> Json:
    columns = cast("list[dict[str, str]] | None", table.get("columnDefinitions"))
    rows: list[JsonValue] = []
    for row in cast("list[Json]", table["rows"] or []):
        cells = cast("list[JsonValue]", row["cells"])
        names = [column["name"] for column in columns] if columns else [""] * len(cells)
        told: Json = {
            **row,
            "cells": [
                "of one run" if name in TIMED_COLUMNS or is_own(cell) else cell
                for name, cell in zip(names, cells, strict=True)
            ],
        }
        if isinstance(row.get("object"), dict):
            told["object"] = _comparable_object(cast("Json", row["object"]))
        rows.append(told)
    head = cast("Json", comparable({"kind": "XList", "metadata": table["metadata"]}))
    return {
        **table,
        "metadata": head["metadata"],
        "rows": rows if table["rows"] is not None else None,
    }


def differences(theirs: JsonValue, ours: JsonValue, path: str = "") -> Iterator[str]:
    """Yield where two trees differ, for a person who reads a failure."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted({*theirs, *ours}):
            yield from differences(
                theirs.get(name, "missing"), ours.get(name, "missing"), f"{path}.{name}"
            )
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (their, our) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences(their, our, f"{path}[{index}]")
    elif theirs != ours:
        yield f"{path}: {theirs!s:.300} recorded, {ours!s:.300} ours"


def is_own(cell: JsonValue) -> bool:
    """Tell whether a cell is an age, or an address that was allocated to a service."""
    return isinstance(cell, str) and _OWN_CELL.fullmatch(cell) is not None


def _comparable_object(obj: Json) -> Json:
    made = dict(obj)
    meta = dict(cast("Json", obj.get("metadata") or {}))
    meta.pop("managedFields", None)  # not tracked: a declared difference
    for name in OWN:
        if name in meta:
            meta[name] = "there"
    made["metadata"] = meta
    if isinstance(obj.get("status"), dict):
        made["status"] = _timeless(cast("Json", obj["status"]))
    return made


def _timeless(status: Json) -> Json:
    """Return a status without the times of its transitions."""
    made = {
        name: "there" if name == "lastPhaseTransitionTime" else value
        for name, value in status.items()
    }
    conditions = status.get("conditions")
    if isinstance(conditions, list):
        made["conditions"] = [
            {**cast("Json", each), "lastTransitionTime": "there"} for each in conditions
        ]
    return made


def recreate(api: InProcess, names: Mapping[str, str]) -> None:
    """Make the recorded objects of every kind that is served; ``names`` for generated ones."""
    folder: Path = golden("objects")
    for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if served_resource(api, record["createPath"]) is None:
            continue
        body = json.loads((folder / f"{record['id']}.request.json").read_bytes())
        generated = body["metadata"].pop("generateName", "")
        if generated:  # as the run that recorded it drew the name
            body["metadata"].update(generateName=generated, name=names[generated])
        made = api.call("POST", record["createPath"], body)
        assert made.code == 201, made.body
        status = folder / f"{record['id']}.status.request.json"
        if status.exists():
            written = api.call("PUT", record["statusPath"], status.read_bytes())
            assert written.code == 200, written.body
