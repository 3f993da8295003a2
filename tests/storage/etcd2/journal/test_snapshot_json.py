"""The store as the JSON of etcd 2's snapshots: of a real one, and of ours."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from storage.errors import StoreError
from storage.etcd2.go_time import NEVER, format_time, parse_time
from storage.etcd2.journal.snapshot_files import SnapshotAt, read_snapshot, write_snapshot
from storage.etcd2.machine import Machine
from storage.etcd2.model import Method, Request
from storage.etcd2.snapshots import decode_state, encode_state

NOW_NS = 1_795_452_073 * 10**9

REAL = {
    "Root": {
        "Path": "/",
        "CreatedIndex": 0,
        "ModifiedIndex": 0,
        "ExpireTime": NEVER,
        "Value": "",
        "Children": {
            "0": {
                "Path": "/0",
                "CreatedIndex": 0,
                "ModifiedIndex": 0,
                "ExpireTime": NEVER,
                "Value": "",
                "Children": {},
            },
            "1": {
                "Path": "/1",
                "CreatedIndex": 0,
                "ModifiedIndex": 0,
                "ExpireTime": NEVER,
                "Value": "",
                "Children": {
                    "ttl": {
                        "Path": "/1/ttl",
                        "CreatedIndex": 7,
                        "ModifiedIndex": 7,
                        "ExpireTime": "2026-11-23T16:51:39.973448868Z",
                        "Value": "x",
                        "Children": None,
                    }
                },
            },
        },
    },
    "WatcherHub": {
        "EventHistory": {
            "Queue": {
                "Events": [
                    {
                        "action": "delete",
                        "node": {"key": "/1/a", "modifiedIndex": 6, "createdIndex": 5},
                        "prevNode": {
                            "key": "/1/a",
                            "value": "v",
                            "modifiedIndex": 5,
                            "createdIndex": 5,
                        },
                    },
                    {
                        "action": "set",
                        "node": {
                            "key": "/1/ttl",
                            "value": "x",
                            "expiration": "2026-11-23T16:51:39.973448868Z",
                            "ttl": 600,
                            "modifiedIndex": 7,
                            "createdIndex": 7,
                        },
                        "refresh": True,
                    },
                    None,
                    {
                        "action": "set",
                        "node": {
                            "key": "/1/a",
                            "value": "v",
                            "modifiedIndex": 5,
                            "createdIndex": 5,
                        },
                    },
                ],
                "Size": 3,
                "Front": 3,
                "Back": 2,
                "Capacity": 4,
            },
            "StartIndex": 5,
            "LastIndex": 7,
        }
    },
    "CurrentIndex": 7,
    "Stats": {"getsSuccess": 1, "setsSuccess": 3, "watchers": 9},
    "CurrentVersion": 2,
}
"""In a real one's shape; its ring has come round."""


def machine_of(encoded: bytes) -> Machine:
    machine = Machine()
    machine.load(decode_state(encoded))
    return machine


def busy_machine() -> Machine:
    machine = Machine()
    for number in range(1500):
        path = f"/1/d{number % 7}/e{number % 3}/k{number % 200}"
        expires_ns = NOW_NS + number * 10**9 + 1 if number % 5 == 0 else 0
        machine.apply(Request(Method.PUT, path, f'"{number}"ü<', expiration_ns=expires_ns), NOW_NS)
    machine.apply(Request(Method.PUT, "/1/empty", dir=True, expiration_ns=NOW_NS + 10**12), NOW_NS)
    machine.apply(Request(Method.PUT, "/1/_hidden/k", "v"), NOW_NS)
    machine.apply(Request(Method.DELETE, "/1/d0", recursive=True), NOW_NS)
    return machine


def test_snapshot_of_a_real_etcd_is_read() -> None:
    machine = machine_of(orjson.dumps(REAL))

    assert machine.index == 7
    leaf = machine.get("/1/ttl", NOW_NS).node
    assert (leaf.value, leaf.expires_ns) == ("x", 1795452699973448868)
    assert [event.node.modified for event in machine.history(5)] == [5, 6, 7]
    assert [event.refresh for event in machine.history(5)] == [False, False, True]
    assert machine.next_expiry_ns() == 1795452699973448868
    assert machine.statistics()["setsSuccess"] == 3


@pytest.mark.parametrize("events", [0, 1, 999, 1000, 1001])
def test_history_of_any_length_is_a_ring_of_a_thousand_places(events: int) -> None:
    machine = Machine()
    for number in range(events):
        machine.apply(Request(Method.PUT, "/1/k", str(number)), NOW_NS)

    encoded = b"".join(encode_state(machine.dump()))

    history = orjson.loads(encoded)["WatcherHub"]["EventHistory"]
    assert len(history["Queue"]["Events"]) == history["Queue"]["Capacity"] == 1000
    assert history["Queue"]["Size"] == min(events, 1000)
    assert history["LastIndex"] == events
    assert machine_of(encoded).dump() == machine.dump()


def test_state_is_read_back_as_it_was() -> None:
    machine = busy_machine()

    encoded = b"".join(encode_state(machine.dump()))

    assert machine_of(encoded).dump() == machine.dump()


def test_snapshot_stays_as_it_was_while_the_store_goes_on() -> None:
    machine = busy_machine()
    state = machine.dump()
    before = b"".join(encode_state(state))

    for number in range(50):
        machine.apply(Request(Method.PUT, f"/1/d1/e1/k{number}", "after"), NOW_NS)

    assert b"".join(encode_state(state)) == before


def test_snapshot_file_is_read_back_and_its_damage_is_seen(tmp_path: Path) -> None:
    at = SnapshotAt(2, 10_007)
    pieces = [b"{", b"x" * 300_000, b"}"]

    size = write_snapshot(tmp_path, at, [7], pieces, sync=False, pause=None)

    path = tmp_path / "0000000000000002-0000000000002717.snap"
    found = read_snapshot(path)
    assert (found.at, found.nodes, found.content) == (at, (7,), b"".join(pieces))
    assert path.stat().st_size == size
    path.write_bytes(path.read_bytes().replace(b"xx}", b"xy}"))
    with pytest.raises(StoreError, match="the snapshot is damaged"):
        read_snapshot(path)


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        (NEVER, 0),
        ("1970-01-01T00:00:01Z", 10**9),
        ("2026-11-23T16:51:39.973448868Z", 1795452699973448868),
        ("2026-11-23T16:51:39.5Z", 1795452699500000000),
    ],
)
def test_time_is_written_and_read_as_go_does(text: str, time_ns: int) -> None:
    assert parse_time(text) == time_ns
    assert format_time(time_ns) == text


def test_time_of_another_zone_is_read() -> None:
    assert parse_time("2026-11-23T18:21:39.5+01:30") == 1795452699500000000
