"""Recorded patches have the effect that they had on a real Kubernetes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, cast

import pytest

from cluster.apiserver.paths import parse_route
from cluster.apiserver.registry import served
from serialization.kinds import SCHEME
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.serving import InProcess, Json, Reply, serving

APPLY = "application/apply-patch+yaml"

KINDS_TO_COME = frozenset(("Deployment", "Role"))
"""Their records are out of scope until the kind is served; then they are replayed like the rest."""

DIFFERENT = {
    "mp.managedFields-clear": "managedFields are not tracked, so there is nothing to write",
    "mp.managedFields-empty": "managedFields are not tracked, so there is nothing to write",
}
"""Records that are answered differently on purpose, and why."""


class Recorded(NamedTuple):
    """One recorded patch: the state before it, its answer and the state after it."""

    id: str
    method: str
    path: str
    content_type: str
    before: Json | None
    body: bytes
    code: int
    answer: Json
    after: Json | None
    warning: str

    @property
    def kind(self) -> str:
        route = parse_route(self.path.partition("?")[0])
        assert route is not None, self.id
        return SCHEME.by_plural(route.group, route.version, route.plural).kind


def _records() -> Iterator[Recorded]:
    with golden("patch.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            patch = record["patch"]
            yield Recorded(
                record["id"],
                record["method"],
                record["path"],
                record["contentType"],
                record["before"],
                (patch if isinstance(patch, str) else json.dumps(patch)).encode(),
                record["status"],
                record.get("answer") or record["after"],
                record["after"],
                record.get("warning", ""),
            )


def _create(api: InProcess, record: Recorded) -> Json:
    """Bring about the state before a patch; a record's objects are its own."""
    before = cast("Json", record.before)
    resource = SCHEME.by_kind(str(before["apiVersion"]), str(before["kind"]))
    meta = cast("Json", before["metadata"])
    namespace = str(meta.get("namespace", ""))
    path = resource.path(namespace, str(meta["name"]))
    api.call("DELETE", f"{path}?gracePeriodSeconds=0")
    fresh = {name: value for name, value in meta.items() if name != "resourceVersion"}
    created = api.create(resource.path(namespace), {**before, "metadata": fresh})
    if "status" in before and "status" in resource.subresources:
        status = {**created, "status": before["status"]}
        reply = api.call("PUT", f"{path}/status", status)
        assert reply.code == 200, reply.body
        created = reply.json()
    assert _told(created) == _told(before), record.id
    return created


def _told(obj: Json) -> Json:
    """Return an object without what every run has anew."""
    meta = cast("Json", obj["metadata"])
    anew = ("creationTimestamp", "managedFields", "resourceVersion", "uid")
    kept = {name: value for name, value in meta.items() if name not in anew}
    return {**obj, "metadata": kept}


def _version(obj: Json) -> object:
    return cast("Json", obj["metadata"])["resourceVersion"]


def _shape(status: Json) -> object:
    """Return what programs look at in a failure: everything but the words."""
    details = cast("Json", status.get("details") or {})
    causes = cast("list[Json]", details.get("causes") or [])
    return (
        status["code"],
        status.get("reason", ""),
        {name: value for name, value in details.items() if name != "causes"},
        [(cause.get("reason"), cause.get("field")) for cause in causes],
    )


def _disagreement(api: InProcess, record: Recorded) -> str:
    """Replay a record; return how the server differs from it, or nothing."""
    stored = _create(api, record)
    reply = api.call(record.method, record.path, record.body, {"content-type": record.content_type})
    if reply.code != record.code:
        return f"{reply.code}, not {record.code}: {reply.body.decode()}"
    if record.code >= 400 and _shape(reply.json()) != _shape(record.answer):
        return f"{reply.json()}, not {record.answer}"
    if record.code < 300 and _told(reply.json()) != _told(record.answer):
        return f"{_told(reply.json())}, not {_told(record.answer)}"
    if reply.header("warning") != record.warning:
        return f"warned {reply.header('warning')!r}, not {record.warning!r}"
    return _effect(api, record, stored, reply)


def _effect(api: InProcess, record: Recorded, stored: Json, reply: Reply) -> str:
    """Compare what stands in the store, and whether anything was written at all."""
    path = record.path.partition("?")[0].removesuffix("/status")
    left = api.call("GET", path).json()
    before, after = cast("Json", record.before), cast("Json", record.after)
    if _told(left) != _told(after):
        return f"left {_told(left)}, not {_told(after)}"
    if (_version(left) == _version(stored)) is not (_version(after) == _version(before)):
        return "written, or not written, unlike the real one"
    if reply.code < 300 and reply.json() != left:
        return "the answer is not what is stored"
    return ""


@pytest.mark.slow
def test_recorded_patches_have_the_recorded_effect() -> None:
    kinds = {strategy.resource.kind for strategy in served()}
    counts: Counter[str] = Counter()
    wrong = []

    with serving() as api:
        for namespace in ("pat", "err"):
            api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        for record in _records():
            if record.content_type == APPLY:
                counts["out of scope: server-side apply"] += 1
                reply = api.call(record.method, record.path, record.body, {"content-type": APPLY})
                if reply.code != (415 if record.kind in kinds else 404):
                    wrong.append((record.id, reply.body.decode()))
            elif record.kind not in kinds:
                counts[f"out of scope: {record.kind}"] += 1
                if record.kind not in KINDS_TO_COME:
                    wrong.append((record.id, "its kind is served no more"))
            else:
                differs = _disagreement(api, record)
                counts["different on purpose" if record.id in DIFFERENT else "agreeing"] += 1
                if bool(differs) is not (record.id in DIFFERENT):
                    wrong.append((record.id, differs or "listed as different, but agrees"))

    print(f"patch.jsonl: {dict(sorted(counts.items()))}")  # noqa: T201 - told with -s
    assert wrong == []
    assert counts.total() == 139
    assert counts["agreeing"] >= 47
    assert counts["different on purpose"] == len(DIFFERENT)
