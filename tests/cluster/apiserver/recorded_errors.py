"""The recorded errors: their records, and the objects that stood there when they were made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from tests.cluster.apiserver import recorded
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.kinds import config_map, pod
from tests.cluster.apiserver.serving import InProcess, Json, JsonValue, Reply

UID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAPS: Final = "/api/v1/namespaces/err/configmaps"
PODS: Final = "/api/v1/namespaces/err/pods"
TOKEN: Final = "TOKEN"
_OF_A_RUN: Final = re.compile(r"(current: |in record )\(?[0-9]+\)?")


class Recorded(NamedTuple):
    """One recorded exchange."""

    id: str
    method: str
    path: str
    headers: dict[str, str]
    body: JsonValue
    code: int
    answer: JsonValue
    warnings: list[str]


def records() -> Iterator[Recorded]:
    """Yield the records in the order in which they were made."""
    for record in recorded.records("errors.jsonl"):
        headers = cast("dict[str, str | list[str]]", record["resHeaders"])
        warnings = headers.get("Warning", [])
        yield Recorded(
            cast("str", record["id"]),
            cast("str", record["method"]),
            cast("str", record["path"]),
            cast("dict[str, str]", record["reqHeaders"]),
            record.get("reqBody"),
            cast("int", record["status"]),
            record["resBody"],
            [warnings] if isinstance(warnings, str) else warnings,
        )


def raw(body: JsonValue) -> bytes:
    """Return the bytes of a recorded body; what was cut off is filled up as it began."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, dict) and "hex" in body:
        return bytes.fromhex(cast("str", body["hex"]))
    if isinstance(body, dict) and "len" in body:
        return _filled(cast("str", body["head"]), cast("int", body["len"]))
    return json.dumps(body).encode()


def _filled(head: str, length: int) -> bytes:
    """Go on as the head began until the length is right, and close what it opened."""
    if head.startswith("["):
        one = head[1 : head.index("}") + 1]
        return f"[{', '.join([one] * (length // (len(one) + 2)))}]".encode()
    tail = '"' + "}" * (head.count("{") - head.count("}"))
    if '"Pod"' in head:  # annotations, behind which a spec stood
        tail = '"}}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}'
    return (head + "x" * (length - len(head) - len(tail)) + tail).encode()


class Substitutes:
    """Turns what is of the recorded run, uids and revisions, into ours, learned from answers."""

    def __init__(self) -> None:
        self._uids: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        self._newest: dict[str, str] = {}
        """Our newest revision of an object, by its uid: for those that came of no record."""

    def learn(self, theirs: JsonValue, ours: JsonValue) -> None:
        """Compare two answers for the same object."""
        if not isinstance(theirs, dict) or not isinstance(ours, dict):
            return
        their_meta, our_meta = theirs.get("metadata"), ours.get("metadata")
        if not isinstance(their_meta, dict) or not isinstance(our_meta, dict):
            return
        for name, known in (("uid", self._uids), ("resourceVersion", self._versions)):
            their, our = their_meta.get(name), our_meta.get(name)
            if isinstance(their, str) and isinstance(our, str):
                known[their] = our
        if "uid" in our_meta:
            self._newest[str(our_meta["uid"])] = str(our_meta.get("resourceVersion"))

    def text(self, text: str) -> str:
        """Return a text with our uids, as far as they are known."""
        return UID.sub(lambda found: self._uids.get(found[0], found[0]), text)

    def body(self, body: JsonValue) -> bytes:
        """Return a recorded body as it is to be sent to us."""
        if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
            return self.text(body).encode() if isinstance(body, str) else raw(body)
        tree = cast("Json", json.loads(self.text(json.dumps(body))))
        meta = cast("Json", tree["metadata"])
        version = meta.get("resourceVersion")
        if isinstance(version, str) and version not in {"", "0", "1"}:
            newest = self._newest.get(str(meta.get("uid")), version)
            meta["resourceVersion"] = self._versions.get(version, newest)
        return raw(tree)


def prepare(api: InProcess) -> None:
    """Make the objects that the recording made without recording it."""
    for line in (golden("objects") / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if recorded.served_resource(api, record["createPath"]) is None:
            continue
        request = json.loads((golden("objects") / f"{record['id']}.request.json").read_bytes())
        response = json.loads((golden("objects") / f"{record['id']}.response.json").read_bytes())
        request["metadata"]["name"] = response["metadata"]["name"]
        api.create(record["createPath"], request)
        status = golden("objects") / f"{record['id']}.status.request.json"
        if status.exists():
            assert api.call("PUT", record["statusPath"], status.read_bytes()).code == 200
    api.create("/api/v1/namespaces", {"metadata": {"name": "err"}})
    api.create(MAPS, config_map("cm1"))
    api.create(PODS, pod("a"))


def before(api: InProcess, record_id: str) -> None:
    """Make what was made unrecorded between two records."""
    if record_id == "create.yaml":  # the one with bytes that are no UTF-8 was refused
        api.create(MAPS, {"metadata": {"name": "utf"}, "data": {"a": "\ufffd\ufffd"}})
    elif record_id == "binding.wrong-uid":
        api.create("/api/v1/nodes", {"metadata": {"name": "n1"}})
        api.create(PODS, pod("b"))
    elif record_id == "binding.gated":
        gated = pod("gated")
        cast("Json", gated["spec"])["schedulingGates"] = [{"name": "example.com/g"}]
        api.create(PODS, gated)
    elif record_id == "delete.plain":
        for index in range(1, 9):
            api.create(MAPS, config_map(f"dl{index}"))
    elif record_id == "delete.pod-unscheduled":
        _make_doomed_pods(api)
    elif record_id == "delete.collection-two":
        for name in ("dc1", "dc2"):
            api.create(MAPS, config_map(name, labels={"dc": "1"}))
    elif record_id == "admission.no-priorityclass":
        api.create("/api/v1/namespaces", {"metadata": {"name": "lim"}})


def _make_doomed_pods(api: InProcess) -> None:
    api.create(PODS, pod("p1"))
    for index in range(2, 7):
        api.create(PODS, pod(f"p{index}"))
        target: Json = {"kind": "Node", "name": "n1"}
        api.create(
            f"{PODS}/p{index}/binding", {"metadata": {"name": f"p{index}"}, "target": target}
        )
    api.create(PODS, pod("fin1", finalizers=["example.com/f"]))


def headers_of(record: Recorded) -> dict[str, str]:
    """Return a record's headers with the token that it was sent with."""
    token = {"unauthorized.no-token": "", "unauthorized.bad-token": "Bearer wrong"}
    shown = token.get(record.id, f"Bearer {TOKEN}")
    return {**record.headers, "Authorization": shown} if shown else record.headers


def differences(record: Recorded, reply: Reply) -> list[str]:
    """Return where an answer differs from the recorded one: nowhere when it agrees."""
    if reply.code != record.code:
        return [f"code: {record.code} recorded, {reply.code} ours: {reply.body[:300]!r}"]
    found = []
    warned = [value.decode() for key, value in reply.headers if key == b"warning"]
    if warned != record.warnings:
        found.append(f"warnings: {record.warnings} recorded, {warned} ours")
    theirs, ours = tree(record.answer), tree(reply.body)
    return found + list(recorded.differences(_plain(theirs), _plain(ours)))


def tree(body: bytes | JsonValue) -> JsonValue:
    """Return a body as a tree, or as text; an empty one is nothing."""
    if body in (b"", None):
        return None
    try:
        return recorded.tree_of(body)
    except ValueError:  # neither JSON nor YAML: a page's text
        return body.decode() if isinstance(body, bytes) else body


def _plain(tree: JsonValue) -> JsonValue:
    """Return a tree without what is of one run."""
    if not isinstance(tree, dict):
        return tree
    if tree.get("kind") == "Status":
        return cast("JsonValue", json.loads(_OF_A_RUN.sub("N", UID.sub("UID", json.dumps(tree)))))
    made = cast("Json", recorded.comparable(tree))
    if isinstance(made.get("items"), list):
        items = cast("list[Json]", made["items"])
        kind = str(tree["kind"]).removesuffix("List")
        made["items"] = [_nameless({"kind": kind, **item}) for item in items]
    return _nameless(made)


def _nameless(obj: Json) -> Json:
    """Return an object or a list without the names, addresses and numbers that were drawn."""
    meta = dict(cast("Json", obj.get("metadata") or {}))
    if "resourceVersion" in meta:
        meta["resourceVersion"] = "there"
    if "continue" in meta:
        meta["continue"] = {**cast("Json", meta["continue"]), "rv": "there"}
    if "generateName" in meta:
        prefix, name = str(meta["generateName"]), str(meta["name"])
        meta["name"] = [prefix.startswith(name[:-5]), len(name)]
    made = {**obj, "metadata": meta}
    if obj.get("kind") == "Service":
        spec = cast("Json", obj["spec"])
        made["spec"] = {**spec, "clusterIP": "there", "clusterIPs": "there"}
    return made
