"""Every station with both of our generations, and the clients beside the real ones."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.interface import OK, USAGE, VOID
from bench.generations.clients.etcd2 import Etcd2Client
from bench.generations.clients.etcd3 import Etcd3Client
from bench.generations.clients.interface import Client, ClientError, OutOfWindowError, Value
from bench.generations.loading import DIRECTORY, key_of
from bench.generations.measures import MEASURES
from bench.generations.results import GENERATIONS_FILE, Generations
from bench.generations.stations.registry import STATIONS
from bench.generations.subjects import FAMILIES
from bench.measuring import Measuring
from bench.results import read_json
from tests.bench.generations.quick import quick_rounds
from tests.etcd_members import EtcdCluster
from tests.real_etcd import one_member, require_etcd, start_etcd

__all__ = ["one_member", "start_etcd"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--rows", "z"],
        ["--rows", ""],
        ["--rows", "a,bc"],
        ["--subjects", "zookeeper"],
        ["--rounds", "0"],
        ["--seed", "few"],
    ],
)
def test_misuse_is_told_in_one_line(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generations", "--out", str(tmp_path / "out"), *wrong]) == USAGE

    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("station", STATIONS)
def test_station_measures_every_value_of_its_rows(station: str, tmp_path: Path) -> None:
    rows, _ = STATIONS[station]
    rounds = quick_rounds(tmp_path, rows=rows, rounds=1, subjects=FAMILIES["ours"])

    results = asyncio.run(rounds.play(Measuring(), lambda _line: None))

    assert [reading.failed for reading in results.readings if reading.failed] == []
    ours = {line.measure: line for line in results.lines if line.family == "ours"}
    assert sorted(ours) == sorted(each.key for each in MEASURES if each.row in rows)
    assert [key for key, line in ours.items() if line.rounds != 1] == []
    assert [r.station for r in results.readings if not 0 < r.client_cores < 2] == []
    assert [r.station for r in results.readings if r.others_cores < 0] == []
    assert {reading.station for reading in results.readings} == {station}
    assert read_json(tmp_path / GENERATIONS_FILE, Generations) == results


@pytest.mark.slow
def test_command_goes_on_where_it_was_and_writes_markdown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require_etcd()
    out, page = tmp_path / "out", tmp_path / "page.md"
    command = ["generations", "--quick", "--rows", "e", "--out", str(out)]
    command += ["--subjects", ",".join(FAMILIES["real"])]

    assert main([*command, "--rounds", "1"]) == OK
    first = json.loads((out / GENERATIONS_FILE).read_text())
    capsys.readouterr()
    assert main([*command, "--rounds", "2", "--markdown", str(page)]) == OK

    again = json.loads((out / GENERATIONS_FILE).read_text())
    said = capsys.readouterr()
    assert said.err.count("kept") == 2
    assert again["readings"][:2] == first["readings"]
    assert len(again["readings"]) == 4
    assert "e real bytes of a write, protobuf: etcd 2 / etcd 3 = " in said.out
    assert page.read_text().startswith("# etcd 2 and etcd 3")
    assert main([*command, "--seed", "1"]) == USAGE


def test_command_says_where_a_station_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.generations.orchestration.WORKER", "bench.generations.no_such")
    command = ["generations", "--quick", "--rows", "e", "--rounds", "1", "--subjects", "etcd3"]

    assert main([*command, "--out", str(tmp_path)]) == VOID

    assert "No module named" in capsys.readouterr().err
    assert "No module named" in (tmp_path / "report.html").read_text()


def _clients(member: EtcdCluster) -> list[Client]:
    address = member.members[0].endpoint
    return [Etcd2Client(address), Etcd2Client(address, polling=True), Etcd3Client(address)]


async def _hear(client: Client, writer: Client, count: int) -> list[tuple[int, str]]:
    heard: list[tuple[int, str]] = []
    done = asyncio.Event()

    def take(index: int, value: Value) -> None:
        heard.append((index, value if isinstance(value, str) else value.decode()))
        if len(heard) == count:
            done.set()

    await client.watch(DIRECTORY, take)
    for number in range(count):
        await writer.put(key_of(number), b"value-%d" % number)
    async with asyncio.timeout(10):
        await done.wait()
    return heard


@pytest.mark.slow
def test_clients_of_a_real_etcd_write_read_list_and_hear(one_member: EtcdCluster) -> None:
    async def scenario() -> None:
        for client in _clients(one_member):
            async with client:
                heard = await _hear(client, client, 5)

                assert [value for _, value in heard] == [f"value-{n}" for n in range(5)]
                assert await client.get(key_of(4)) == heard[-1][0]
                assert await client.read(key_of(4)) == heard[-1][0]
                assert await client.get("/registry/nothing") == 0
                assert client.count(await client.everything(DIRECTORY)) == 5
                assert client.ended == ""
                carried = client.traffic()
                assert carried.sent > 5 * len("value-0")
                assert carried.received > carried.sent / 4

    asyncio.run(scenario())


@pytest.mark.slow
def test_window_of_etcd_2_is_a_thousand_events_and_etcd_3_has_none(
    one_member: EtcdCluster,
) -> None:
    async def scenario() -> list[str]:
        told = []
        for client in (_clients(one_member)[0], _clients(one_member)[2]):
            async with client:
                watched = await client.put(key_of(0), b"watched")
                for number in range(999):
                    await client.put(key_of(number, "/registry/others"), b"x")
                await client.recall(DIRECTORY, watched)
                await client.put(key_of(0, "/registry/others"), b"x")
                try:
                    await client.recall(DIRECTORY, watched)
                except OutOfWindowError as error:
                    told.append(str(error))
                else:
                    told.append("kept")
        return told

    outdated, kept = asyncio.run(scenario())

    assert outdated.startswith("The event in requested index is outdated and cleared")
    assert kept == "kept"


@pytest.mark.slow
def test_held_keys_stay_and_released_ones_go(one_member: EtcdCluster) -> None:
    async def scenario() -> None:
        for client, apart in zip(_clients(one_member)[::2], (True, True), strict=True):
            async with client:
                keys = [key_of(number, "/registry/held") for number in range(5)]
                await client.hold(keys, b"value", 60, apart=apart)

                assert await client.refresh() == 5
                assert client.count(await client.everything("/registry/held")) == 5

                await client.release()
                assert await client.get(keys[0]) == 0

    asyncio.run(scenario())


def test_client_of_nobody_says_so() -> None:
    async def scenario() -> None:
        for client in (Etcd2Client("127.0.0.1:1"), Etcd3Client("127.0.0.1:1")):
            with pytest.raises(ClientError, match="not connected"):
                await client.__aenter__()

    asyncio.run(scenario())
