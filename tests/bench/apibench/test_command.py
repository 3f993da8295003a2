"""The command line of ``kubedyno api-bench``, and whole cells through processes of their own."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest

from bench.apibench.cells import Cell
from bench.apibench.endpoint import Endpoint, call
from bench.apibench.ground import PREFIX
from bench.apibench.orchestration import Target, measure
from bench.apibench.results import Row
from bench.apibench.site import SetUpError
from bench.cli import main
from bench.commands.interface import ERROR, OK, USAGE, VOID
from bench.load.settings import Server
from tests.bench.apibench.served import served

OWN = ["api-bench", "--store", "memory", "--duration", "0.2"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--op", "nonsense"],
        ["--codec", "xml"],
        ["--store", "punchcards"],
        ["--server", "localhost:8080"],
        ["--server", "http://a", "--kubeconfig", "b"],
        ["--connections", "0"],
        ["--connections", "many"],
        ["--duration", "-1"],
        ["--rounds", "0"],
        ["--server-pid", "self"],
        ["--kubeconfig", "/nowhere/to/be/found"],
        ["--table", "--op", "get"],
        ["--table", "--distinct-specs"],
        ["--context", "a"],
        ["--rate", "1e9"],
        ["--server", "http://a", "--token-file", "/nowhere/to/be/found"],
    ],
)
def test_misuse_is_told_in_one_line(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["api-bench", *wrong]) == USAGE

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("kubedyno: ")
    assert said.err.count("\n") == 1


def _free_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_server_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["api-bench", "--server", _free_url()]) == ERROR

    assert "kubedyno: http://127.0.0.1:" in capsys.readouterr().err


async def _wrong_token() -> None:
    async with served() as server:
        with pytest.raises(SetUpError, match="401"):
            await measure(Cell("create", "orjson", 1), Target(Server(server.url, "wrong")), 1)


@pytest.mark.slow
def test_a_token_that_the_server_does_not_know_is_told() -> None:
    asyncio.run(_wrong_token())


async def _against_another_s_server() -> tuple[Row, list[str]]:
    async with served() as server:
        row = await measure(Cell("create", "orjson", 2, count=20), Target(server), 1)
        endpoint = Endpoint(server)
        lists = []
        for path in ("pods", "namespaces"):
            head = endpoint.head("GET", f"/api/v1/{path}", accept="application/json")
            items = json.loads((await call(endpoint, head)).body)["items"]
            lists += [
                item["metadata"]["name"]
                for item in items
                if item.get("status", {}).get("phase") != "Terminating"
            ]
    return row, lists


@pytest.mark.slow
def test_another_s_server_is_left_as_it_was() -> None:
    row, left = asyncio.run(_against_another_s_server())

    assert (row.invalid, row.operations) == ([], 20)
    assert [name for name in left if name.startswith((PREFIX, "bench-"))] == []
    assert "server_ms" not in row.values  # whose process it is, nobody said


@pytest.mark.slow
def test_own_server_is_measured_and_the_results_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    cells = ["--op", "create", "--connections", "4", "--codec", "protobuf", "--rounds", "2"]

    assert main([*OWN, *cells, "--out", str(out), "--json"]) == OK

    found = json.loads((out / "api-bench.json").read_bytes())
    assert json.loads(capsys.readouterr().out) == found
    assert [line["cell"] for line in found["lines"]] == ["create protobuf c4"]
    assert [(row["round"], row["invalid"]) for row in found["rows"]] == [(1, []), (2, [])]
    for row in found["rows"]:
        assert row["operations"] > 0
        assert row["values"]["server_ms"] > 0
        assert all(ours == theirs for ours, theirs in row["counted"].values())


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "rate"), [("fanout", "30"), ("fanout-node", "0")])
def test_every_event_reaches_every_watcher(operation: str, rate: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cell = ["--op", operation, "--watchers", "7", "--connections", "2", "--rate", rate]

    assert main([*OWN, *cell, "--codec", "orjson", "--out", str(out)]) == OK

    (row,) = json.loads((out / "api-bench.json").read_bytes())["rows"]
    assert (row["invalid"], row["operations"] > 0) == ([], True)
    assert row["latency"]["p50_ms"] > 0
    shared = 7 if operation == "fanout" else 1
    assert row["values"]["events_total"] % shared == 0


@pytest.mark.slow
def test_a_full_server_is_measured_from_fill_to_restart(tmp_path: Path) -> None:
    out = tmp_path / "out"
    cell = ["--op", "large", "--pods", "300", "--codec", "protobuf", "--out", str(out)]

    assert main(["api-bench", *cell]) == OK

    rows = {
        row["cell"].removeprefix("large 300: "): row
        for row in json.loads((out / "api-bench.json").read_bytes())["rows"]
    }
    assert [row["invalid"] for row in rows.values()] == [[]] * len(rows)
    assert rows["items in protobuf"]["values"]["items"] == 600
    assert rows["items in orjson"]["values"]["items"] == 600
    assert rows["memory filled"]["values"]["anon_mib"] > 0
    assert rows["restart"]["values"]["restart_s"] > 0
    for listing in ("protobuf", "orjson cold", "orjson cached"):
        assert rows[f"list {listing}"]["values"]["list_s"] > 0
        assert rows[f"get beside list {listing}"]["latency"]["count"] > 0


@pytest.mark.slow
def test_what_ran_out_is_told_and_void_where_it_failed(tmp_path: Path) -> None:
    out = tmp_path / "out"

    code = main([*OWN, "--op", "delete", "--pods", "5", "--codec", "orjson", "--out", str(out)])

    (row,) = json.loads((out / "api-bench.json").read_bytes())["rows"]
    assert code == VOID  # all five went in the warm-up
    assert row["invalid"] == ["not one operation was done"]
