"""Recorded reads that go wrong, or nearly: versions from the future, expired ones, odd options.

The other requests of that recording are replayed by test_golden_errors. Compared: status, the words
of errors with their numbers left out, what events there are, where a page ends and the next begins.
"""

from __future__ import annotations

import asyncio
import json
import re
from random import Random
from typing import Final, cast

import pytest

from cluster.apiserver.assembly import ServerConfig, assemble
from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.registry import CODECS
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.apiserver import recorded
from tests.cluster.apiserver.kinds import recorded_strategies
from tests.cluster.apiserver.serving import InProcess, Json, JsonValue, StandingClock

FRESH: Final = re.compile(r"rv\.|list\.continue-wrong|watch-future")
"""Asked of a server with all of its history."""
EXPIRED: Final = re.compile(r"expired\.|list-rv-old")
"""Asked of one that has started on a store that was compacted."""

ON_PURPOSE: Final = {
    "expired.watch-events": "events are watched from the cache, so the cache's words are told",
}
NAMES: Final = ("casef", "cm1", "cm2", "cm3")
OLD: Final = re.compile(r"resourceVersion=(359|70|1)\b")
_NUMBER: Final = re.compile(r"\d+")


async def ask(api: InProcess, method: str, path: str, body: JsonValue = None) -> Json:
    raw = json.dumps(body).encode() if body is not None else b""
    reply = await api.request(method, path, raw, {"content-type": "application/json"})
    assert reply.code in {200, 201}, reply.body
    return reply.json()


async def fill(api: InProcess) -> None:
    """Make the ConfigMaps, pods and events of the recording, and a history."""
    for name in ("err", "other"):
        await ask(api, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    maps = "/api/v1/namespaces/err/configmaps"
    for name in NAMES:
        await ask(api, "POST", maps, {"metadata": {"name": name}})
    for name in ("e1", "e2"):
        event: Json = {"metadata": {"name": name}, "involvedObject": {"namespace": "err"}}
        await ask(api, "POST", "/api/v1/namespaces/err/events", event)
    pod: Json = {"containers": [{"name": "c", "image": "i"}]}
    for name in ("a", "fvn", "fvw"):
        await ask(
            api, "POST", "/api/v1/namespaces/err/pods", {"metadata": {"name": name}, "spec": pod}
        )
    for number in range(5):
        await ask(
            api, "PUT", f"{maps}/cm3", {"metadata": {"name": "cm3"}, "data": {"n": str(number)}}
        )


def told(body: bytes | JsonValue, media: str) -> JsonValue:
    """Return what can be compared of an answer."""
    if isinstance(body, dict) and set(body) == {"hex"}:
        body = bytes.fromhex(cast("str", body["hex"]))
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    if not body:
        return []
    raw = body.encode() if isinstance(body, str) else cast("bytes", body)
    if "stream=watch" in media or raw.startswith(b'{"type"'):
        codec = CODECS["protobuf" if "protobuf" in media else "json"]
        frames = codec.frame_reader().feed(raw + (b"" if "protobuf" in media else b"\n"))
        return [_event(codec.unwrap(frame.document)[1], frame.type, media) for frame in frames]
    tree = cast("Json", json.loads(raw))
    if tree.get("kind") == "Status":
        return _NUMBER.sub("N", json.dumps(tree, sort_keys=True))
    if not str(tree.get("kind", "")).endswith("List"):
        return str(tree.get("kind", ""))
    meta = cast("Json", tree["metadata"])
    items = [cast("Json", item["metadata"])["name"] for item in cast("list[Json]", tree["items"])]
    token = recorded.read_token(cast("str", meta["continue"])) if "continue" in meta else {}
    return [items[:1] if token else [], str(token.get("start", "")).removeprefix("/")]


def _event(bare: bytes, event_type: str, media: str) -> str:
    if event_type != "ERROR":
        return event_type
    codec = CODECS["protobuf" if "protobuf" in media else "json"]
    status = codec.decode_bare(Status, bare)
    return _NUMBER.sub("N", f"{event_type} {status.code} {status.reason} {status.message}")


def ours(path: str, newest: int, old: int) -> str:
    """Return a recorded path with versions that mean the same here."""
    path = OLD.sub(lambda found: f"resourceVersion={1 if found[1] == '1' else old}", path)
    found = re.search(r"continue=([\w-]+)", path)
    if found is None:
        return path
    try:
        token = recorded.read_token(found[1])
    except ValueError:
        return path
    if token["rv"] == -1:
        return path
    revisions = recorded.Revisions((old or newest) - cast("int", token["rv"]))
    return path.replace(found[1], revisions.token(found[1]))


def _kinds(events: JsonValue) -> JsonValue:
    """Return the kinds of events there are, of a stream; anything else as it is."""
    return events if not isinstance(events, list) else [*sorted(set(map(str, events)))]


async def replay(
    api: InProcess, pattern: re.Pattern[str], *, old: int
) -> list[tuple[str, list[str]]]:
    """Ask what was asked; return each id, and where we differ."""
    played = []
    for record in recorded.records("errors.jsonl"):
        name, path = str(record["id"]), str(record["path"])
        if not pattern.match(name) or record["method"] != "GET":
            continue
        headers = cast("dict[str, str]", record.get("reqHeaders") or {})
        fields = {key.lower(): value for key, value in headers.items()}
        newest = api.server.api.cache.revision
        reply = await api.request("GET", ours(path, newest, old), b"", fields)
        media = cast("dict[str, str]", record["resHeaders"]).get("Content-Type", "")
        wanted = told(record["resBody"], media)
        got = told(reply.body, reply.media_type)
        if "sendInitialEvents=true" in path:
            # How many objects there were is of that run; what the recording cut off, too.
            wanted, got = _kinds(wanted), _kinds(got)
        found = list(recorded.differences(wanted, got))
        if reply.code != record["status"]:
            found.append(f"status {reply.code}")
        played.append((name, found))
    return played


async def scenario() -> list[tuple[str, list[str]]]:
    clock = VirtualClock()
    config = ServerConfig(CODECS["protobuf"])
    async with STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True)) as store:
        async with assemble(store, config, clock, Random(7), recorded_strategies()) as server:
            api = InProcess(asyncio.Runner(), server, StandingClock())
            await fill(api)
            played = await replay(api, FRESH, old=0)
        old = store.current_revision() - 3
        await store.compact(store.current_revision())
        async with assemble(store, config, clock, Random(8), recorded_strategies()) as server:
            api = InProcess(asyncio.Runner(), server, StandingClock())
            return played + await replay(api, EXPIRED, old=old)


@pytest.mark.slow
def test_recorded_reads_of_odd_versions_are_answered_as_recorded() -> None:
    played = run_virtual(scenario())

    wrong = [each for each in played if bool(each[1]) is not (each[0] in ON_PURPOSE)]
    assert wrong == []
    assert len(played) == 36
