"""The plane with fake processes: started in order, stopped in order, its failures told."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

import bench.child
import bench.plane
from bench.child import ChildError
from bench.plane import Plane, PlaneOptions, apiserver_arguments
from bench.results import Config

FAKE = Path(__file__).with_name("fake_process.py")

pytestmark = pytest.mark.slow


def options(tmp_path: Path, **script: str) -> PlaneOptions:
    (tmp_path / "script.json").write_text(json.dumps(script), encoding="utf-8")
    config = Config(nodes=3, codec="json", storage_codec="json", store="memory", seed=5)
    return PlaneOptions(config, tmp_path, python=(sys.executable, str(FAKE)))


def within(made: PlaneOptions, act: Callable[[Plane], Awaitable[None]]) -> Plane:
    async def body() -> Plane:
        async with Plane(made) as plane:
            await act(plane)
        return plane

    return asyncio.run(body())


async def nothing(plane: Plane) -> None:
    """Leave at once."""


def log(tmp_path: Path, name: str) -> str:
    return (tmp_path / "logs" / f"{name}.log").read_text(encoding="utf-8")


def test_plane_starts_three_processes_with_the_cell_s_codec_and_ends_them(tmp_path: Path) -> None:
    async def look(plane: Plane) -> None:
        assert plane.url == "http://127.0.0.1:1"
        assert set(plane.pids) == {"apiserver", "control", "nodes"}
        assert plane.died == []

    plane = within(options(tmp_path), look)

    assert plane.died == []
    assert all(child.exit_code == 0 for child in plane.children)
    assert '"--json-codec": "json"' in log(tmp_path, "apiserver")
    assert '"--storage-codec": "json"' in log(tmp_path, "apiserver")
    for name in ("control", "nodes"):
        assert '"--codec": "json"' in log(tmp_path, name)
        assert '"--server": "http://127.0.0.1:1"' in log(tmp_path, name)
    assert '"--nodes": "3"' in log(tmp_path, "nodes")
    assert f'"--stamps": "{tmp_path / "stamps" / "nodes.csv"}"' in log(tmp_path, "nodes")


def test_plane_that_nobody_measures_keeps_no_stamps(tmp_path: Path) -> None:
    within(replace(options(tmp_path), stamped=False), nothing)

    assert "--stamps" not in log(tmp_path, "nodes")


def test_plane_gives_the_statistics_of_the_moment(tmp_path: Path) -> None:
    async def look(plane: Plane) -> None:
        found = await plane.statistics()
        assert set(found) == {"apiserver", "nodes", "control"}
        assert all(statistics.counters == {"told": 1.0} for statistics in found.values())

    within(options(tmp_path), look)


@pytest.mark.parametrize(
    ("name", "behaviour", "words"),
    [
        ("apiserver", "crash", "apiserver ended with exit code 1"),
        ("nodes", "crash", "it broke"),
        ("control", "babble", "instead of its ready line"),
    ],
)
def test_plane_that_does_not_come_up_says_whose_fault_it_is(
    tmp_path: Path, name: str, behaviour: str, words: str
) -> None:
    with pytest.raises((ChildError, ExceptionGroup)) as caught:
        within(options(tmp_path, **{name: behaviour}), nothing)

    assert words in str(caught.value)


def test_plane_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.plane, "READY_S_MAX", 0.5)

    with pytest.raises(ChildError, match=r"not ready after 0\.5 s"):
        within(options(tmp_path, apiserver="silent"), nothing)


def test_plane_kills_what_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.child, "STOP_S_MAX", 0.2)

    plane = within(options(tmp_path, nodes="deaf"), nothing)

    assert plane.died == ["nodes (exit code -9)"]


def test_plane_names_a_process_that_died(tmp_path: Path) -> None:
    async def look(plane: Plane) -> None:
        await next(c for c in plane.children if c.name == "control").ended()
        assert plane.died == ["control (exit code 3)"]
        assert "control is told to die" in plane.tails()

    within(options(tmp_path, control="die"), look)


def test_a_protobuf_cell_leaves_the_json_library_of_the_api_server_alone(tmp_path: Path) -> None:
    config = Config(codec="protobuf", storage_codec="orjson", store="etcd3", data_dir="/d")

    arguments = apiserver_arguments(PlaneOptions(config, tmp_path))

    assert "--json-codec" not in arguments
    assert arguments[arguments.index("--storage-codec") + 1] == "orjson"
    assert arguments[arguments.index("--data-dir") + 1] == "/d"


@pytest.mark.parametrize("measured", [True, False])
def test_only_a_plane_that_is_measured_refuses_nothing(tmp_path: Path, *, measured: bool) -> None:
    arguments = apiserver_arguments(PlaneOptions(Config(), tmp_path, stamped=measured))

    assert ("--max-mutating-requests-inflight" in arguments) is measured


def servers(tmp_path: Path, listen: str = "") -> PlaneOptions:
    made = options(tmp_path)
    return replace(made, config=replace(made.config, apiservers=2, listen=listen))


def test_several_servers_share_one_store_that_is_served_and_the_nodes_take_turns(
    tmp_path: Path,
) -> None:
    async def look(plane: Plane) -> None:
        names = ["etcd", "apiserver-1", "apiserver-2", "nodes", "control"]
        assert list(plane.pids) == names
        assert plane.store.kind == "served"
        assert plane.store.url.startswith("etcd3+unix:///")
        found = await plane.statistics()
        assert set(found) == set(names)

    plane = within(servers(tmp_path), look)

    assert plane.died == []
    assert '"--store": "memory"' in log(tmp_path, "etcd")
    for name in ("apiserver-1", "apiserver-2"):
        assert f'"--store": "{plane.store.url}"' in log(tmp_path, name)
        assert f'"--name": "{name}"' in log(tmp_path, name)
    assert '"--server": "http://127.0.0.1:1,http://127.0.0.1:1"' in log(tmp_path, "nodes")
    assert '"--server": "http://127.0.0.1:1"' in log(tmp_path, "control")
    socket = Path(plane.store.url.removeprefix("etcd3+unix://"))
    assert not socket.parent.exists()


def test_only_the_first_server_serves_at_the_address_that_was_asked_for(tmp_path: Path) -> None:
    made = servers(tmp_path, listen="127.0.0.1:8001")

    first, second = (apiserver_arguments(made, "x", f"apiserver-{n}") for n in (1, 2))

    assert first[first.index("--listen") + 1] == "127.0.0.1:8001"
    assert second[second.index("--listen") + 1] == "127.0.0.1:0"


def test_the_store_ends_after_those_that_use_it(tmp_path: Path) -> None:
    plane = within(servers(tmp_path), nothing)

    ended = {
        c.name: (tmp_path / "stats" / f"{c.name}.json").stat().st_mtime_ns for c in plane.children
    }
    assert ended["etcd"] > max(ended["apiserver-1"], ended["apiserver-2"])
    assert min(ended["apiserver-1"], ended["apiserver-2"]) > max(ended["nodes"], ended["control"])


def test_a_second_server_that_does_not_come_up_is_named(tmp_path: Path) -> None:
    made = servers(tmp_path)
    (tmp_path / "script.json").write_text(json.dumps({"apiserver": "crash"}), encoding="utf-8")

    with pytest.raises(ChildError, match="apiserver-1 ended with exit code 1"):
        within(made, nothing)
