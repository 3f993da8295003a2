"""All recorded watches, asked of our server while the recorded writes happen, in virtual time.

Compared: status, media type, the sequence of events with their objects, and that versions say the
same (an object version recorded once more is told as the same one here). Bookmarks beyond the one
that ends the initial events come when a server likes: they are left out.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from random import Random
from typing import Final, NamedTuple, cast

import pytest

from cluster.apiserver.assembly import ServerConfig, assemble
from serialization.codecs.registry import CODECS
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.apiserver import recorded
from tests.cluster.apiserver.kinds import recorded_strategies
from tests.cluster.apiserver.serving import InProcess, Json, JsonValue, Reply, StandingClock

logger = logging.getLogger(__name__)

END_MARK: Final = "k8s.io/initial-events-end"
MERGE_PATCH: Final = "application/merge-patch+json"

ON_PURPOSE: Final[dict[str, str]] = {}
"""Records that differ, and why."""


class Event(NamedTuple):
    """An event as far as it can be compared."""

    type: str
    version: str
    """The object's resourceVersion."""
    object: JsonValue


def in_order() -> list[Json]:
    """Return the records in the order in which they were made."""
    found: dict[str, list[Json]] = {}
    for name in ("watch.jsonl", "watch-protobuf.jsonl"):
        part = f"{name} first"
        for record in recorded.records(name):
            found.setdefault(part, []).append(record)
            if str(record["id"]).startswith("timeout."):
                part = f"{name} then"
    json_first, json_then, pb_first, pb_then = found.values()
    return json_first + pb_first + json_then + pb_then


def events_of(body: bytes, media: str) -> list[Event]:
    """Return the events of a stream."""
    codec = CODECS["protobuf" if "protobuf" in media else "json"]
    found = []
    for frame in codec.frame_reader().feed(body):
        tree = cast("Json", recorded.tree_of(frame.document))
        meta = cast("dict[str, str]", tree["metadata"])
        told = cast("Json", recorded.comparable(tree))
        if tree["kind"] == "Table":
            told["metadata"] = {}
        if frame.type == "BOOKMARK":
            if END_MARK not in frame.document.decode("latin-1"):
                continue
            told, meta = {"kind": tree["kind"]}, {"resourceVersion": ""}
        found.append(Event(frame.type, meta["resourceVersion"], told))
    return found


def recorded_body(record: Json) -> bytes:
    """Return what the recorded server sent."""
    lines = cast("list[Json]", record.get("lines") or [])
    frames = cast("list[Json]", record.get("frames") or [])
    if frames:
        return b"".join(bytes.fromhex(str(frame["hex"])) for frame in frames)
    return "".join(str(line["line"]) for line in lines).encode()


class Stage:
    """Our server, on which the recorded scenes are played."""

    def __init__(self, api: InProcess) -> None:
        self._api = api
        self.versions: dict[str, str] = {}
        """Recorded object versions and ours."""

    async def ask(
        self, method: str, path: str, body: JsonValue = None, media: str = "application/json"
    ) -> Reply:
        """Send a request."""
        raw = b""
        if body is not None:
            raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return await self._api.request(method, path, raw, {"content-type": media} if raw else {})

    async def make(self, path: str, obj: Json) -> None:
        """Make an object that stood there."""
        meta = cast("Json", obj["metadata"])
        names = ("name", "labels", "annotations", "finalizers")
        kept: Json = {name: meta[name] for name in names if name in meta}
        rest: Json = {name: obj[name] for name in ("data", "spec", "status") if name in obj}
        reply = await self.ask("POST", path, {"metadata": kept, **rest})
        assert reply.code == 201, reply.body

    async def set(self, scenes: list[Json]) -> None:
        """Make what stood there at the beginning."""
        by_id = {str(scene["id"]): scene for scene in scenes}
        for name in ("pat", "w"):
            await self.make("/api/v1/namespaces", {"metadata": {"name": name}})
        before: dict[str, list[Json]] = {}
        for name in ("unset.json", "all-namespaces.json", "cluster-scoped.json"):
            lines = cast("list[Json]", by_id[name]["lines"])
            start = [
                json.loads(str(line["line"])) for line in lines if cast("float", line["t"]) < 0.1
            ]
            before[name] = [event["object"] for event in start]
        for obj in before["all-namespaces.json"]:
            namespace = cast("Json", obj["metadata"])["namespace"]
            if namespace != "w":
                await self.make(f"/api/v1/namespaces/{namespace}/configmaps", obj)
        for obj in before["cluster-scoped.json"]:
            await self.make("/api/v1/nodes", obj)
            if "taints" in cast("Json", obj["spec"]):  # a new node gets another one
                name = str(cast("Json", obj["metadata"])["name"])
                node: Json = {"metadata": {"name": name}, "spec": obj["spec"]}
                assert (await self.ask("PUT", f"/api/v1/nodes/{name}", node)).code == 200
        for obj in before["unset.json"]:
            await self.make("/api/v1/namespaces/w/configmaps", obj)

    async def prepare(self, scene: Json) -> None:
        """Make what the writes of a scene presuppose."""
        for act in cast("list[Json]", scene.get("actions") or []):
            path = str(act["path"]).partition("?")[0].removesuffix("/status")
            if act["method"] == "POST":
                if not path.endswith("/binding"):
                    return
                path = path.removesuffix("/binding")
            if (await self.ask("GET", path)).code == 404:
                where, _, name = path.rpartition("/")
                obj: Json = {"metadata": {"name": name}}
                if where.endswith("pods"):
                    obj["spec"] = {"containers": [{"name": "c", "image": "i"}]}
                else:
                    obj["data"] = {"a": "1"}
                    obj["metadata"] = {"name": name, "labels": {"app": "no"}}
                await self.make(where, obj)
            return

    async def play(self, scene: Json) -> Reply:
        """Watch while the recorded writes happen."""
        await self.prepare(scene)
        path = str(scene["path"])
        for theirs, ours in self.versions.items():
            path = path.replace(f"resourceVersion={theirs}&", f"resourceVersion={ours}&")
        headers = cast("dict[str, str]", scene.get("reqHeaders") or {})
        fields = {name.lower(): value for name, value in headers.items()}
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._api.request("GET", path, b"", fields))
            await self._act(scene)
        return watching.result()

    async def _act(self, scene: Json) -> None:
        began = asyncio.get_running_loop().time()
        for act in cast("list[Json]", scene.get("actions") or []):
            due = began + cast("float", act["t"])
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            method = str(act["method"])
            media = MERGE_PATCH if method == "PATCH" else "application/json"
            reply = await self.ask(method, str(act["path"]), act["body"], media)
            assert reply.code == act["status"], (scene["id"], act, reply.body)

    def differing(self, scene: Json, reply: Reply) -> list[str]:
        """Return where we answered otherwise; learns which versions correspond."""
        wanted = cast("dict[str, str]", scene["resHeaders"])["Content-Type"]
        if (reply.code, reply.media_type) != (scene["status"], wanted):
            return [f"{reply.code} {reply.media_type}"]
        body = recorded_body(scene)
        # No stream, but one object:
        if "yaml" in wanted or (body[:2] == b'{"' and not body.startswith(b'{"type"')):
            whole, ours_whole = recorded.tree_of(body), recorded.tree_of(reply.body)
            return list(
                recorded.differences(recorded.comparable(whole), recorded.comparable(ours_whole))
            )
        expected, told = events_of(body, wanted), events_of(reply.body, wanted)
        if [event.type for event in expected] != [event.type for event in told]:
            return [str([event.type for event in told])]
        found = []
        for index, (theirs, ours) in enumerate(zip(expected, told, strict=True)):
            if self.versions.setdefault(theirs.version, ours.version) != ours.version:
                found.append(f"event {index}: version {ours.version}")
            found += recorded.differences(theirs.object, ours.object, f"event {index}: ")
        return found


async def play_all(scenes: list[Json]) -> list[tuple[str, list[str]]]:
    """Return each scene's id, and where we differ."""
    clock = VirtualClock()
    store = STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True))
    config = ServerConfig(CODECS["protobuf"])
    async with (
        store as opened,
        assemble(opened, config, clock, Random(7), recorded_strategies()) as server,
    ):
        stage = Stage(InProcess(asyncio.Runner(), server, StandingClock()))
        await stage.set(scenes)
        played = []
        for scene in scenes:
            reply = await stage.play(scene)
            played.append((str(scene["id"]), stage.differing(scene, reply)))
        return played


@pytest.mark.slow
def test_recorded_watches_are_answered_as_recorded() -> None:
    scenes = in_order()

    played = run_virtual(play_all(scenes))

    wrong = [each for each in played if bool(each[1]) is not (each[0] in ON_PURPOSE)]
    classes = Counter("on purpose" if name in ON_PURPOSE else "agreeing" for name, _ in played)
    logger.info("%s", dict(classes))
    assert wrong == []
    assert len(played) == 53
