"""The API server on a store with etcd 2's limits: text values, no old states, a short history.

On a fake that has nothing else of etcd 2, on our engine, in process and served, and on a real etcd.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.apiserver.reads.tokens import ANY_REVISION, ContinueToken
from cluster.apiserver.resources.event import EventStrategy
from serialization.kinds import PODS
from storage.base64_values import Base64Values
from storage.interface import Store
from storage.registry import STORES, StoreOptions, store_entry
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.apiserver.kinds import PODS_PATH, PROTOBUF, pod
from tests.cluster.apiserver.reads.rig import rig
from tests.cluster.apiserver.serving import InProcess, Json, StandingClock, serving
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import require_etcd
from tests.storage.limited import HISTORY_EVENTS, LimitedStore
from tests.storage.remote.served import Served

SLOW = pytest.mark.slow
REMOTES = ("served", "real")
EVENTS_PATH = "/api/v1/namespaces/default/events"
GONE = (410, "Expired")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where a real etcd speaks the protocol of etcd 2."""
    require_etcd()
    cluster = EtcdCluster(tmp_path_factory.mktemp("etcd"), EtcdOptions(enable_v2=True))
    asyncio.run(cluster.start())
    yield cluster.v2_url
    cluster.kill()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where our engine does."""
    process = Served(tmp_path_factory.mktemp("served"), api=2)
    try:
        process.start()
        yield process.url
    finally:
        process.kill()


@pytest.fixture(params=["limited", "etcd2", *(pytest.param(s, marks=SLOW) for s in REMOTES)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return each store in turn, empty."""
    if request.param in REMOTES:
        url: str = request.getfixturevalue(request.param)
        return store_entry(f"{url}?prefix={tmp_path}").make(StoreOptions())
    if request.param == "limited":
        return LimitedStore(StandingClock())
    options = StoreOptions(tmp_path / "data", StandingClock(), inline_commits=True)
    return STORES["etcd2"].make(options)


@pytest.fixture(params=["protobuf", "orjson"])
def api(request: pytest.FixtureRequest, store: Store) -> Iterator[InProcess]:
    with serving(store=store, storage_codec=request.param) as running:
        yield running


def pods(api: InProcess, count: int = 5) -> list[Json]:
    return [api.create(PODS_PATH, pod(f"p{number}")) for number in range(count)]


def version(obj: Json) -> str:
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    return str(metadata["resourceVersion"])


def refusal(api: InProcess, path: str) -> tuple[int, object, Json]:
    reply = api.call("GET", path)
    status = reply.json()
    assert status["kind"] == "Status"
    metadata = status["metadata"]
    assert isinstance(metadata, dict)
    return reply.code, status["reason"], metadata


def names(reply: Json) -> list[object]:
    items = reply["items"]
    assert isinstance(items, list)
    return [item["metadata"]["name"] for item in items]  # type: ignore[call-overload,index]  # JSON


def test_values_are_text_and_what_is_written_is_read(store: Store, api: InProcess) -> None:
    made = api.create(PODS_PATH, pod("a"))
    assert api.call("GET", f"{PODS_PATH}/a").json() == made
    spec = made["spec"]
    assert isinstance(spec, dict)
    spec["activeDeadlineSeconds"] = 9
    changed = api.call("PUT", f"{PODS_PATH}/a", made)
    assert changed.code == 200
    patched = api.call(
        "PATCH",
        f"{PODS_PATH}/a",
        {"metadata": {"labels": {"x": "y"}}},
        {"content-type": "application/merge-patch+json"},
    )
    assert patched.code == 200
    binary = api.call("GET", f"{PODS_PATH}/a", headers={"accept": PROTOBUF})
    assert binary.body.startswith(b"k8s\0")
    held = api.run(store.list(PODS.prefix())).items
    assert [item.value[:5] for item in held] in ([b"azhzA"], [b'{"kin'])
    assert api.call("DELETE", f"{PODS_PATH}/a").code == 200
    assert api.run(store.list(PODS.prefix())).items == []


def test_conflict_is_judged_by_what_was_unwrapped(api: InProcess) -> None:
    stale = api.create(PODS_PATH, pod("a"))
    body = {"metadata": {"labels": {"x": "y"}}}
    patch = api.request(
        "PATCH",
        f"{PODS_PATH}/a",
        json.dumps(body).encode(),
        {"content-type": "application/merge-patch+json"},
    )
    again = api.request(
        "PATCH",
        f"{PODS_PATH}/a",
        b'{"metadata":{"labels":{"z":"w"}}}',
        {"content-type": "application/merge-patch+json"},
    )
    assert [reply.code for reply in api.gather(patch, again)] == [200, 200]
    assert api.call("PUT", f"{PODS_PATH}/a", stale).code == 409
    assert api.call("POST", PODS_PATH, pod("a")).code == 409


def test_limit_is_ignored(api: InProcess) -> None:
    made = pods(api)
    first = int(version(made[0]))
    for query in ("limit=2", f"limit=2&resourceVersion={first}", "limit=2&resourceVersion=0"):
        reply = api.call("GET", f"{PODS_PATH}?{query}").json()
        assert names(reply) == ["p0", "p1", "p2", "p3", "p4"]
        assert set(reply["metadata"]) == {"resourceVersion"}  # type: ignore[arg-type]  # JSON


def test_exact_revision_is_gone_but_for_the_newest(api: InProcess) -> None:
    made = pods(api)
    exact = f"{PODS_PATH}?resourceVersionMatch=Exact&resourceVersion="
    assert names(api.call("GET", exact + version(made[-1])).json()) == [f"p{n}" for n in range(5)]
    for query in (version(made[0]), version(made[0]) + "&limit=2"):
        assert refusal(api, exact + query)[:2] == GONE
    assert api.call("GET", f"{PODS_PATH}/p0?resourceVersion={version(made[-1])}").code == 200


@pytest.mark.parametrize("ahead", [False, True])
def test_continue_token_from_elsewhere_is_gone_and_the_rest_can_be_had(
    api: InProcess, *, ahead: bool
) -> None:
    made = pods(api)
    revision = int(version(made[0])) + 1_000_000 * ahead
    token = ContinueToken(revision, "p1").encode()
    code, reason, metadata = refusal(api, f"{PODS_PATH}?limit=2&continue={token}")
    assert (code, reason) == GONE
    assert metadata["continue"] == ContinueToken(ANY_REVISION, "p1").encode()
    rest = api.call("GET", f"{PODS_PATH}?limit=2&continue={metadata['continue']}").json()
    assert names(rest) == ["p2", "p3", "p4"]
    assert "continue" not in rest["metadata"]  # type: ignore[operator]  # JSON


def test_delete_of_a_collection_takes_all_of_it(api: InProcess) -> None:
    pods(api)
    assert api.call("DELETE", f"{PODS_PATH}?limit=2").code == 200
    assert names(api.call("GET", PODS_PATH).json()) == []


@pytest.mark.parametrize("codec", ["protobuf", "orjson"])
@pytest.mark.parametrize("name", ["limited", "etcd2"])
def test_events_end_by_themselves(name: str, codec: str, tmp_path: Path) -> None:
    options = StoreOptions(tmp_path, VirtualClock(), inline_commits=True)
    engine = STORES["etcd2"].make(options)
    store = LimitedStore(VirtualClock()) if name == "limited" else engine
    event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}}
    with serving(store=store, storage_codec=codec, virtual=True) as api:
        api.create(EVENTS_PATH, event)
        api.run(asyncio.sleep(EventStrategy.ttl_s - 1))
        assert names(api.call("GET", EVENTS_PATH).json()) == ["e"]
        api.run(asyncio.sleep(2))
        assert names(api.call("GET", EVENTS_PATH).json()) == []


def test_counters_tell_what_was_wrapped(api: InProcess) -> None:
    pods(api)
    told = api.server.counters()
    if api.server.api.cache.codec.name == "protobuf":
        assert told["base64_values_written"] >= 5
        growth = told["base64_wrapped_bytes"] / told["base64_plain_bytes"]
        assert growth == pytest.approx(4 / 3, rel=0.01)
    else:
        assert told["base64_values_written"] == told["base64_plain_bytes"] == 0


@pytest.mark.parametrize("codec", ["protobuf", "orjson"])
def test_watches_go_on_beyond_the_store_s_history_and_end_with_the_cache_s(codec: str) -> None:
    async def main() -> None:
        store = LimitedStore(StandingClock())
        async with rig(codec, store=Base64Values(store)) as made:
            first = await made.place.put("a")
            for number in range(2 * HISTORY_EVENTS + 100):
                await made.place.put("b", node=f"n{number}")
            assert store.oldest_revision() > first
            old, _ = made.watch(f"resourceVersion={first}")
            await made.settle()
            assert len(old.told) == 2 * HISTORY_EVENTS + 100
            assert not old.errors

            store.clear_index()
            await made.idle()
            assert old.complete, "it ends, and its client comes again"
            while made.place.cache.losses:  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.1)
            again, _ = made.watch(f"resourceVersion={first}")
            live, _ = made.watch(f"resourceVersion={made.place.cache.revision}")
            await made.settle()
            assert [status.code for status in again.errors] == [410]
            last = await made.place.put("c")
            await made.settle()
            assert live.short == [("ADDED", "c", str(last))]

    run_virtual(main())
