"""The pages beside keys: what a member says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from storage.serve.etcd2.pages import duration
from storage.serve.etcd2.router import cleaned
from tests.storage.serve2.served import Served, served
from tests.storage.serve2.wire import Wire, request


@pytest.fixture(scope="module")
def ours() -> Iterator[Served]:
    with served() as here:
        yield here


@pytest.fixture
def wire(ours: Served) -> Iterator[Wire]:
    made = Wire(ours.endpoint)
    yield made
    made.close()


def told(wire: Wire, path: str) -> dict[str, object]:
    """Return a page's JSON."""
    answer: dict[str, object] = json.loads(wire.ask(request("GET", path)).body)
    return answer


def test_the_member_is_its_own_leader(ours: Served, wire: Wire) -> None:
    own = f"{ours.serving.member_id:x}"

    statistics = told(wire, "/v2/stats/self")

    assert statistics["id"] == own
    assert statistics["state"] == "StateLeader"
    assert told(wire, "/v2/stats/leader") == {"leader": own, "followers": {}}
    member = told(wire, "/v2/members/leader")
    assert (member["id"], member["clientURLs"]) == (own, [ours.listener.url])
    assert told(wire, "/v2/members") == {"members": [member]}
    machines = wire.ask(request("GET", "/v2/machines"))
    assert machines.body.decode() == ours.listener.url


def test_what_is_done_is_counted(wire: Wire) -> None:
    before = told(wire, "/v2/stats/store")
    wire.ask(request("PUT", "/v2/keys/counted", b"value=1"))
    wire.ask(request("PUT", "/v2/keys/counted", b"value=2&prevValue=x"))
    wire.ask(request("GET", "/v2/keys/counted"))
    wire.ask(request("DELETE", "/v2/keys/none"))

    after = told(wire, "/v2/stats/store")

    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"setsSuccess", "compareAndSwapFail", "getsSuccess", "deleteFail"}


def test_metrics_name_what_dashboards_look_for(wire: Wire) -> None:
    text = wire.ask(request("GET", "/metrics")).body.decode()

    assert "\netcd_server_has_leader 1\n" in text
    assert "\nprocess_resident_memory_bytes " in text


def test_a_members_peers_are_kept(ours: Served, wire: Wire) -> None:
    path = f"/v2/members/{ours.serving.member_id:x}"
    body = b'{"peerURLs":["http://127.0.0.1:9"]}'

    put = wire.ask(request("PUT", path, body, "Content-Type: application/json; charset=utf-8"))

    assert (put.code, put.header(b"content-length")) == (204, b"")
    assert told(wire, "/v2/members/leader")["peerURLs"] == ["http://127.0.0.1:9"]
    again = wire.ask(request("POST", "/v2/members", body, "Content-Type: application/json"))
    assert (again.code, again.body) == (409, b'{"message":"membership: peerURL exists"}')


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/v2//keys", "/v2/keys"),
        ("//v2/keys/", "/v2/keys/"),
        ("/v2/keys/../../..", "/"),
        ("/v2/keys/./a/../b/", "/v2/keys/b/"),
        ("/", "/"),
    ],
)
def test_paths_are_cleaned_as_gos_router_cleans_them(path: str, clean: str) -> None:
    assert cleaned(path) == clean


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0s"), (1_500_000_000, "1.5s"), (60 * 10**9, "1m0s"), (7_384_000_000_000, "2h3m4s")],
)
def test_times_are_told_as_go_tells_them(ns: int, text: str) -> None:
    assert duration(ns) == text
