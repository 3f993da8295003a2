"""Reads of several API servers on one store: each answer is no older than what was acknowledged."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from cluster.apiserver.errors import status_error
from storage.errors import (
    CompactedError,
    FutureRevisionError,
    LeaseExistsError,
    LeaseNotFoundError,
    ReadOnlyError,
    StoreClosedError,
    StoreError,
    StoreUnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from storage.watchcache.errors import ReinitializingError
from tests.cluster.apiserver.kinds import PODS_PATH, pod
from tests.cluster.apiserver.serving import Json, Reply
from tests.cluster.apiserver.several import Server, several, virtual

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str = "a", value: str = "") -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"v": value},
    }


def version(obj: Json) -> int:
    return int(str(cast("Json", obj["metadata"])["resourceVersion"]))


def names(reply: Reply) -> list[str]:
    return [
        str(cast("Json", item["metadata"])["name"])
        for item in cast("list[Json]", reply.json()["items"])
    ]


@pytest.mark.parametrize("lag_s", [0.0, 0.5])
@virtual
async def test_write_on_one_server_is_read_at_once_on_the_other(lag_s: float) -> None:
    async with several() as made:
        one, other = made.servers
        other.view.lag_s = lag_s

        written = await one.create(CONFIG_MAPS, config_map())

        assert (await other.call("GET", f"{CONFIG_MAPS}/a")).json() == written
        written = (await one.call("PUT", f"{CONFIG_MAPS}/a", config_map(value="b"))).json()
        listed = await other.call("GET", CONFIG_MAPS)
        assert version(listed.json()) >= version(written)
        assert cast("list[Json]", listed.json()["items"])[0]["data"] == {"v": "b"}
        await one.call("DELETE", f"{CONFIG_MAPS}/a")
        assert (await other.call("GET", f"{CONFIG_MAPS}/a")).code == 404
        assert other.counters["consistent_reads_asked"] == 3
        assert other.counters["latest_revision_calls"] == 3


@virtual
async def test_read_at_any_version_does_not_wait() -> None:
    async with several() as made:
        one, other = made.servers
        await one.create(CONFIG_MAPS, config_map())
        other.view.held = True
        await one.create(CONFIG_MAPS, config_map("b"))
        other.view.calls.clear()

        got = await other.call("GET", f"{CONFIG_MAPS}/b?resourceVersion=0")
        listed = await other.call("GET", f"{CONFIG_MAPS}?resourceVersion=0")

        assert got.code == 404
        assert names(listed) == ["a"]
        assert other.view.calls == []


@virtual
async def test_read_that_waits_too_long_is_told_so() -> None:
    async with several() as made:
        one, other = made.servers
        other.view.held = True
        await one.create(CONFIG_MAPS, config_map())

        for path in (f"{CONFIG_MAPS}/a", CONFIG_MAPS, f"{CONFIG_MAPS}?watch=true"):
            reply = await other.call("GET", path)

            assert (reply.code, reply.json()["reason"]) == (504, "Timeout")
            assert "Too large resource version" in str(reply.json()["message"])
            assert reply.header("retry-after") == "1"


@virtual
async def test_reads_that_come_while_the_store_is_asked_share_the_next_question() -> None:
    async with several() as made:
        one, other = made.servers
        other.view.chance, other.view.call_s = None, 0.1
        await one.create(CONFIG_MAPS, config_map())
        other.view.calls.clear()

        first = asyncio.ensure_future(other.call("GET", f"{CONFIG_MAPS}/a"))
        await asyncio.sleep(0.05)
        rest = [asyncio.ensure_future(other.call("GET", f"{CONFIG_MAPS}/a")) for _ in range(20)]
        await asyncio.sleep(0)
        rest[3].cancel()  # one's leaving is not the others'
        replies = await asyncio.gather(first, *rest, return_exceptions=True)

        codes = [reply.code for reply in replies if isinstance(reply, Reply)]
        assert codes == [200] * 20
        assert other.view.calls == [("latest", b"")] * 2
        assert other.counters["consistent_reads_asked"] == 21


@virtual
async def test_progress_under_keys_of_no_resource_does_not_stall_reads() -> None:
    async with several() as made:
        _one, other = made.servers
        await made.truth.create(b"/elsewhere", b"")
        began = asyncio.get_running_loop().time()

        assert (await other.call("GET", CONFIG_MAPS)).code == 200
        assert asyncio.get_running_loop().time() - began < 0.05


@virtual
async def test_unreachable_store_is_told_at_once_and_to_the_end() -> None:
    async with several() as made:
        _one, other = made.servers
        other.view.down = True

        for method, path, body in (
            ("GET", CONFIG_MAPS, None),
            ("POST", CONFIG_MAPS, config_map()),
        ):
            reply = await other.call(method, path, body)

            assert (reply.code, reply.json()["reason"]) == (503, "ServiceUnavailable")
            assert reply.header("retry-after") == ""  # kubectl would ask ten times more
        assert (await other.call("GET", f"{CONFIG_MAPS}?resourceVersion=0")).code == 200
        assert (await other.call("GET", "/readyz")).code == 500


@pytest.mark.parametrize("carried_out", [True, False])
@virtual
async def test_write_without_an_answer_is_told_to_be_unknown(carried_out: bool) -> None:
    async with several() as made:
        one, other = made.servers
        one.view.unknown, one.view.lost = 1, 0 if carried_out else 1

        reply = await one.call("POST", CONFIG_MAPS, config_map())

        assert (reply.code, reply.json()["reason"]) == (504, "Timeout")
        assert "unknown" in str(reply.json()["message"])
        found = await other.call("GET", f"{CONFIG_MAPS}/a")
        assert found.code == (200 if carried_out else 404)


async def refused(server: Server) -> None:
    """Every read of pods is refused, as a real server refuses while it is reading anew."""
    for path in (
        f"{PODS_PATH}/a",
        f"{PODS_PATH}/a?resourceVersion=0",
        PODS_PATH,
        f"{PODS_PATH}?resourceVersion=0",
        f"{PODS_PATH}?watch=true&resourceVersion=1",
    ):
        reply = await server.call("GET", path)

        assert (reply.code, reply.json()["reason"]) == (429, "TooManyRequests")
        assert reply.json()["message"] == "storage is (re)initializing"
        assert reply.header("retry-after") == "1"


@pytest.mark.parametrize("error", [CompactedError(1, 2), StoreUnavailableError("gone")])
@virtual
async def test_resource_that_is_listed_again_is_not_read_meanwhile(error: Exception) -> None:
    async with several() as made:
        one, other = made.servers
        await one.create(PODS_PATH, pod())
        other.view.lose(error, prefix=b"/registry/pods/")  # type: ignore[arg-type]  # both are
        other.view.down = True
        await one.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=0")

        await refused(other)
        assert (await other.call("GET", f"{CONFIG_MAPS}?resourceVersion=0")).code == 200
        assert "[-]watch-cache failed" in (await other.call("GET", "/readyz")).body.decode()
        other.view.down = False
        await asyncio.sleep(2)

        assert (await other.call("GET", f"{PODS_PATH}/a")).code == 404
        assert (await other.call("GET", "/readyz")).code == 200


@pytest.mark.parametrize(
    ("error", "code", "reason", "retry_s"),
    [
        (StoreUnavailableError("no endpoint answers"), 503, "ServiceUnavailable", 0),
        (ReadOnlyError("full"), 503, "ServiceUnavailable", 1),
        (StoreClosedError("closed"), 503, "ServiceUnavailable", 1),
        (LeaseNotFoundError(7), 503, "ServiceUnavailable", 1),
        (LeaseExistsError(7), 503, "ServiceUnavailable", 1),
        (UnknownOutcomeError("no answer"), 504, "Timeout", 0),
        (FutureRevisionError(9, 8), 504, "Timeout", 1),
        (ReinitializingError("pods"), 429, "TooManyRequests", 1),
        (CompactedError(1, 2), 410, "Expired", 0),
        (UnsupportedError("not here"), 501, "NotImplemented", 0),
        (StoreError("something else"), 500, "InternalError", 0),
    ],
)
def test_each_error_of_a_store_has_its_answer(
    error: StoreError, code: int, reason: str, retry_s: int
) -> None:
    told = status_error(error)

    assert (told.code, told.reason) == (code, reason)
    assert (told.details.retryAfterSeconds if told.details is not None else 0) == retry_s


@virtual
async def test_metrics_are_told_while_the_store_is_away() -> None:
    async with several() as made:
        _one, other = made.servers
        other.view.down = True

        reply = await other.call("GET", "/metrics")

        assert reply.code == 200
        assert b"kubedyno_consistent_reads_asked_total" in reply.body


@virtual
async def test_read_that_comes_as_the_server_stops_is_told_so() -> None:
    async with several() as made:
        other = made.servers[1]

    reply = await other.call("GET", CONFIG_MAPS)

    assert reply.code == 503
