"""What recorded patches made of objects of all kinds, served here or not.

A server does more than to patch: it fills in defaults and sets metadata. So everything that the
patch leaves must be in the recorded state, lists element by element in their order, and everything
that the recorded state has besides must be a default or the server's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from serialization.kinds import SCHEME
from serialization.patch.errors import (
    PatchError,
    PatchFailedError,
    PatchFormatError,
    PatchRuleError,
)
from serialization.patch.forms import PATCHES, read_patch
from serialization.plain import from_plain, plain
from tests.cluster.apiserver.conftest import golden

SERVER_S = frozenset(("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"))
DEFAULTED = frozenset(
    (
        "imagePullPolicy",
        "progressDeadlineSeconds",
        "protocol",
        "replicas",
        "rollingUpdate",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "targetPort",
        "type",
        "defaultMode",
        "apiVersion",
        "nodePort",
    )
)
DEFAULTED_ENDS = (".maxSurge", ".targetPort")
ERRORS = {
    400: PatchFormatError,
    422: PatchFailedError,
    500: PatchRuleError,
}
JUDGED_LATER = {
    "jp.rv-replace-stale": "the version is judged by the server",
    "mp.rv-stale": "the version is judged by the server",
    "sm.volumes-change-without-retainKeys": "validation refuses the result",
    "sm.strategy-without-retainKeys": "validation refuses the result",
}


class Recorded(NamedTuple):
    """One recorded patch."""

    id: str
    media_type: str
    before: dict[str, Any]
    body: bytes
    code: int
    after: dict[str, Any]


def _records() -> Iterator[Recorded]:
    with golden("patch.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["contentType"] in PATCHES and record["id"] not in JUDGED_LATER:
                yield Recorded(
                    record["id"],
                    record["contentType"],
                    record["before"],
                    json.dumps(record["patch"]).encode(),
                    record["status"],
                    record["after"],
                )


def _beyond(mine: Any, theirs: Any, path: str) -> Iterator[str]:
    """Yield where the recorded state is more than defaults away from what the patch left."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in mine.keys() - SERVER_S:
            yield from _beyond(mine[name], theirs.get(name), f"{path}.{name}")
        for name in theirs.keys() - mine.keys() - SERVER_S - DEFAULTED:
            yield f"{path}.{name} is missing"
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for index, (left, right) in enumerate(zip(mine, theirs, strict=True)):
            yield from _beyond(left, right, f"{path}[{index}]")
    elif mine != theirs and not (path.endswith(DEFAULTED_ENDS) or mine == {}):
        yield f"{path} is {mine}, not {theirs}"


def _disagreement(record: Recorded) -> list[str]:
    resource = SCHEME.by_kind(record.before["apiVersion"], record.before["kind"])
    try:
        patch, _twice = read_patch(record.media_type, record.body)
        patched = patch.apply(plain(from_plain(resource.message, record.before)), resource.message)
    except PatchError as error:
        return [] if ERRORS.get(record.code) is type(error) else [repr(error)]
    if record.code != 200:
        return ["it was not refused"]
    made = plain(from_plain(resource.message, patched))
    return sorted(_beyond(made, plain(from_plain(resource.message, record.after)), ""))


def test_recorded_patches_make_the_recorded_objects() -> None:
    replayed = 0
    wrong = {}

    for record in _records():
        replayed += 1
        if found := _disagreement(record):
            wrong[record.id] = found

    assert wrong == {}
    assert replayed == 90
