"""Writes of an API server whose cache is behind: judged on what the store has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from cluster.apiserver.incarnation import TRIES, next_incarnation
from storage.errors import ConflictError, KeyNotFoundError
from storage.records import KeyValue
from tests.cluster.apiserver.kinds import PODS_PATH, RCS_PATH, controller, pod
from tests.cluster.apiserver.linear import MERGE, version_of
from tests.cluster.apiserver.serving import Json
from tests.cluster.apiserver.several import Server, several, virtual
from tests.cluster.apiserver.test_several_reads import CONFIG_MAPS, config_map

A = f"{CONFIG_MAPS}/a"


@asynccontextmanager
async def behind(*objects: tuple[str, object]) -> AsyncIterator[tuple[Server, Server]]:
    """Give a server that is up to date, and one that knows these objects and no more."""
    async with several() as made:
        one, other = made.servers
        for path, obj in objects:
            await one.create(path, obj)
        other.view.held = True
        yield one, other


def uid_of(obj: Json) -> str:
    return str(cast("Json", obj["metadata"])["uid"])


def value_of(obj: Json) -> object:
    return cast("Json", obj["data"])["v"]


@virtual
async def test_put_without_a_version_replaces_what_the_cache_has_not() -> None:
    async with behind((CONFIG_MAPS, config_map())) as (one, other):
        before = (await one.call("PUT", A, config_map(value="b"))).json()

        reply = await other.call("PUT", A, config_map(value="c"))

        assert reply.code == 200
        assert version_of(reply.json()) > version_of(before)
        assert value_of((await one.call("GET", A)).json()) == "c"


@virtual
async def test_put_of_a_version_that_the_cache_has_not_yet_goes_through() -> None:
    async with behind((CONFIG_MAPS, config_map())) as (one, other):
        obj = (await one.call("PUT", A, config_map(value="b"))).json()
        cast("Json", obj["data"])["v"] = "c"

        assert (await other.call("PUT", A, obj)).code == 200
        assert (await other.call("PUT", A, obj)).code == 409


@virtual
async def test_patch_that_changes_nothing_of_an_old_copy_is_judged_on_the_newest() -> None:
    async with behind((CONFIG_MAPS, config_map(value="a"))) as (one, other):
        await one.call("PUT", A, config_map(value="b"))

        reply = await other.call("PATCH", A, {"data": {"v": "a"}}, MERGE)
        again = await other.call("PATCH", A, {"data": {"v": "a"}}, MERGE)

        assert (reply.code, again.code) == (200, 200)
        assert value_of((await one.call("GET", A)).json()) == "a"
        assert version_of(reply.json()) == version_of(again.json())  # that one changed nothing


@virtual
async def test_patch_that_is_refused_on_an_old_copy_is_judged_on_the_newest() -> None:
    async with behind((CONFIG_MAPS, {**config_map(value="a"), "immutable": True})) as (one, other):
        await one.call("DELETE", A)
        await one.create(CONFIG_MAPS, config_map(value="b"))

        reply = await other.call("PATCH", A, {"data": {"v": "c"}}, MERGE)

        assert (reply.code, value_of(reply.json())) == (200, "c")


@virtual
async def test_refusal_that_the_newest_state_bears_out_stands() -> None:
    async with behind((CONFIG_MAPS, {**config_map(value="a"), "immutable": True})) as (_, other):
        reply = await other.call("PATCH", A, {"data": {"v": "c"}}, MERGE)

        assert (reply.code, reply.json()["reason"]) == (422, "Invalid")


@virtual
async def test_write_to_what_is_gone_is_not_found() -> None:
    async with behind((CONFIG_MAPS, config_map()), (RCS_PATH, controller())) as (one, other):
        await one.call("DELETE", A)
        await one.call("DELETE", f"{RCS_PATH}/rc?propagationPolicy=Background")

        for method, path, body, headers in (
            ("PUT", A, config_map(value="b"), None),
            ("PATCH", A, {"data": {"v": "b"}}, MERGE),
            ("PATCH", A, {"metadata": {"uid": "other"}}, MERGE),
            ("PATCH", f"{A}?dryRun=All", {"data": {"v": "b"}}, MERGE),
            ("DELETE", A, None, None),
            ("DELETE", f"{A}?dryRun=All", None, None),
            ("PATCH", f"{RCS_PATH}/rc/scale", {"spec": {"replicas": 3}}, MERGE),
            ("PATCH", f"{RCS_PATH}/rc/status", {"status": {"replicas": 3}}, MERGE),
        ):
            assert (await other.call(method, path, body, headers)).code == 404, (method, path, body)


@virtual
async def test_dry_run_tells_of_the_newest_state() -> None:
    async with behind((CONFIG_MAPS, config_map())) as (one, other):
        await one.call("PATCH", A, {"data": {"w": "x"}}, MERGE)

        tried = await other.call("PATCH", f"{A}?dryRun=All", {"data": {"v": "b"}}, MERGE)
        await one.create(CONFIG_MAPS, config_map("b"))
        created = await other.call("POST", f"{CONFIG_MAPS}?dryRun=All", config_map("b"))

        assert tried.json()["data"] == {"v": "b", "w": "x"}
        assert created.code == 409


@virtual
async def test_binding_is_judged_on_the_newest_state() -> None:
    async with behind((PODS_PATH, pod()), (PODS_PATH, pod("b", node="n0"))) as (one, other):
        bound = {"metadata": {"name": "a"}, "target": {"name": "n1"}}
        assert (await one.call("POST", f"{PODS_PATH}/a/binding", bound)).code == 201
        await one.call("DELETE", f"{PODS_PATH}/b?gracePeriodSeconds=0")
        await one.create(PODS_PATH, pod("b"))

        late = await other.call("POST", f"{PODS_PATH}/a/binding", bound)
        bound["metadata"]["name"] = "b"
        fresh = await other.call("POST", f"{PODS_PATH}/b/binding", bound)

        assert (late.code, fresh.code) == (409, 201)
        assert 'already assigned to node "n1"' in str(late.json()["message"])


@virtual
async def test_delete_by_uid_is_for_that_object_whatever_the_cache_has() -> None:
    async with behind((CONFIG_MAPS, config_map())) as (one, other):
        old = (await one.call("GET", A)).json()
        await one.call("DELETE", A)
        new = await one.create(CONFIG_MAPS, config_map())

        def wish(obj: Json) -> Json:
            return {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "preconditions": {"uid": uid_of(obj)},
            }

        assert (await other.call("DELETE", A, wish(old))).code == 409
        assert (await other.call("DELETE", A, wish(new))).code == 200
        assert (await one.call("GET", A)).code == 404


@virtual
async def test_delete_that_an_old_copy_says_is_under_way_is_judged_on_the_newest() -> None:
    async with several() as made:
        one, other = made.servers
        await one.create(PODS_PATH, pod(node="n1"))
        assert (await one.call("DELETE", f"{PODS_PATH}/a")).code == 200  # in grace
        assert (await other.call("GET", f"{PODS_PATH}/a")).code == 200
        other.view.held = True
        await one.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=0")
        fresh = await one.create(PODS_PATH, pod(node="n1"))

        told = (await other.call("DELETE", f"{PODS_PATH}/a")).json()

        assert uid_of(told) == uid_of(fresh)
        assert "deletionTimestamp" in cast("Json", told["metadata"])


@virtual
async def test_write_between_the_two_of_a_delete_is_not_lost() -> None:
    async with several() as made:
        one, other = made.servers
        await one.create(PODS_PATH, pod(node="n1"))

        async def meanwhile() -> None:
            labels = {"metadata": {"labels": {"late": "yes"}, "finalizers": ["x/y"]}}
            assert (await one.call("PATCH", f"{PODS_PATH}/a", labels, MERGE)).code in {200, 422}

        other.view.between = meanwhile
        reply = await other.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=0")

        assert reply.code == 200
        assert (await one.call("GET", f"{PODS_PATH}/a")).code == 404


@virtual
async def test_object_is_created_in_a_namespace_that_another_server_made() -> None:
    async with several() as made:
        one, other = made.servers
        other.view.lag_s = 1.0
        await one.create("/api/v1/namespaces", {"metadata": {"name": "new"}})

        made_there = await other.call("POST", "/api/v1/namespaces/new/configmaps", config_map())
        nowhere = await other.call("POST", "/api/v1/namespaces/nope/configmaps", config_map())

        assert (made_there.code, nowhere.code) == (201, 404)


@virtual
async def test_create_of_what_another_server_made_exists() -> None:
    async with behind() as (one, other):
        await one.create(CONFIG_MAPS, config_map())

        assert (await other.call("POST", CONFIG_MAPS, config_map())).code == 409


@virtual
async def test_servers_of_one_seed_draw_different_uids_and_names() -> None:
    async with several(3) as made:
        drawn = []
        for server in made.servers:
            generated = {**config_map(), "metadata": {"generateName": "a-"}}
            drawn.append(await server.create(CONFIG_MAPS, generated))

        assert len({uid_of(obj) for obj in drawn}) == 3
        assert len({str(cast("Json", obj["metadata"])["name"]) for obj in drawn}) == 3


@virtual
async def test_servers_that_start_at_once_get_different_numbers() -> None:
    async with several(2) as made:
        views = [server.view for server in made.servers]
        for view in views:
            view.call_s = 0.1
        views[0].unknown = 2

        numbers = await asyncio.gather(*(next_incarnation(views[n % 2]) for n in range(10)))

        assert len(set(numbers)) == 10
        assert min(numbers) > 2


class Contended:
    """A store in which somebody else is always quicker."""

    def __init__(self) -> None:
        self.tries = 0

    async def create(self, key: bytes, _value: bytes) -> int:
        raise ConflictError(key, 1, KeyValue(key, b"1", 1, 1, 1))

    async def update(self, key: bytes, _value: bytes, *, expected: int) -> int:
        self.tries += 1
        raise ConflictError(key, expected, KeyValue(key, b"1", expected + 1, 1, 1))


@virtual
async def test_number_is_not_tried_for_for_ever() -> None:
    store = Contended()

    with pytest.raises(ConflictError):
        await next_incarnation(store)  # type: ignore[arg-type]  # as much of a store as it takes

    assert store.tries == TRIES - 1


@virtual
async def test_update_that_never_gets_through_ends_in_a_conflict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with several() as made:
        one, _other = made.servers
        await one.create(CONFIG_MAPS, config_map())
        tries = 0

        async def overtaken(key: bytes, _value: bytes, *, expected: int, ttl_s: int = 0) -> int:
            nonlocal tries
            tries += 1 + ttl_s
            found = await made.truth.get(key)
            if found is None:
                raise KeyNotFoundError(key)
            raise ConflictError(key, expected, found._replace(revision=expected + 1))

        monkeypatch.setattr(one.view, "update", overtaken)
        reply = await one.call("PUT", A, config_map(value="b"))

        assert (reply.code, reply.json()["reason"]) == (409, "Conflict")
        assert tries == 64


@virtual
async def test_update_of_an_event_that_changes_nothing_is_judged_on_the_newest() -> None:
    events = "/api/v1/namespaces/default/events"
    about = {"kind": "Pod", "namespace": "default", "name": "a"}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "message": "one", "reason": "R"}
    async with behind((events, event)) as (one, other):
        same = await one.call("PATCH", f"{events}/e", {"message": "one"}, MERGE)
        assert version_of(same.json()) == one.view.current_revision()  # nothing was written
        two = await one.call("PATCH", f"{events}/e", {"message": "two"}, MERGE)

        back = await other.call("PATCH", f"{events}/e", {"message": "one"}, MERGE)

        assert back.code == 200
        assert version_of(back.json()) > version_of(two.json()) > version_of(same.json())
        assert (await one.call("GET", f"{events}/e")).json()["message"] == "one"
