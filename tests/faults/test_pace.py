"""The rules about time and alarms: true stories break none, planted falsehoods are found."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults import pace, wall_clock
from tests.faults.records import (
    PREFIX,
    Acknowledged,
    Alarm,
    Asked,
    Begun,
    Entry,
    Part,
    Read,
    Refused,
    Unknown,
    value_of,
)
from tests.faults.served_here import Here
from tests.faults.torn_connections import FIRST, Tearing, disturbances
from tests.faults.wall_clock import Life, Step

MS = 10**6
SYNC_NS = 100 * MS
KEY = PREFIX + b"a"


def writes(count: int, took_ns: int) -> list[Entry]:
    """Return writes that are acknowledged one after another."""
    entries: list[Entry] = []
    for number in range(count):
        start_ns = number * took_ns
        entries.append(Begun(start_ns, number, (Part(KEY, value_of(number), 0),)))
        entries.append(Acknowledged(start_ns + took_ns, number, number + 2))
    return entries


def reads(took_ns: int) -> list[Entry]:
    return [
        entry
        for number in range(9)
        for entry in (Asked(0, number, KEY), Read(took_ns, number, None, 0))
    ]


def test_reads_that_take_a_syncs_time_are_found() -> None:
    assert pace.stalls(reads(10 * MS), SYNC_NS) == []
    assert [each.rule for each in pace.stalls(reads(90 * MS), SYNC_NS)] == ["stalls"]
    assert [each.rule for each in pace.stalls([], SYNC_NS)] == ["stalls"]


def test_writes_that_share_no_sync_are_found() -> None:
    entries = writes(40, SYNC_NS)
    one = list(range(SYNC_NS // 2, 40 * SYNC_NS, SYNC_NS))
    eight = list(range(SYNC_NS // 16, 40 * SYNC_NS, SYNC_NS // 8))

    assert pace.groups(entries, one) == []
    assert [each.rule for each in pace.groups(entries, eight)] == ["groups"]
    assert [each.rule for each in pace.groups(entries, [])] == ["groups"]
    assert [each.rule for each in pace.groups([], one)] == ["groups"]


BEGUN = [Begun(0, number, (Part(KEY, value_of(number), 0),)) for number in range(2)]
REFUSED: list[Entry] = [*BEGUN, Refused(10 * MS, 0, "ReadOnlyError")]
RECOVERED = Acknowledged(900 * MS, 1, 2)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([*REFUSED, RECOVERED], "no alarm was told"),
        ([*REFUSED, Alarm(20 * MS, "full"), RECOVERED], "never ended"),
        ([*REFUSED, Alarm(20 * MS, "full"), Alarm(30 * MS, "")], "no write was taken"),
        ([*REFUSED, Alarm(20 * MS, "full"), Alarm(800 * MS, ""), RECOVERED], "no read"),
    ],
)
def test_store_that_refuses_writes_in_silence_or_for_ever_is_found(
    entries: list[Entry], words: str
) -> None:
    found = pace.alarms(entries)

    assert [each.rule for each in found] == ["alarm"]
    assert words in found[0].what


def test_store_that_says_so_reads_on_and_recovers_breaks_nothing() -> None:
    read = Read(100 * MS, 1, None, 0)
    told: list[Entry] = [Alarm(20 * MS, "full"), read, Alarm(800 * MS, ""), RECOVERED]

    assert pace.alarms([*REFUSED, *told]) == []
    assert pace.alarms(BEGUN) == []


FORWARD = [Step(0, 0), Step(5, 3600)]
BACK = [Step(0, 0), Step(5, -3600)]
BRIEFLY = [Step(0, 0), Step(5, 3600), Step(5.5, 0)]


@pytest.mark.parametrize(
    ("steps", "ended_s", "right"),
    [
        ([Step(0, 0)], 10.5, True),
        ([Step(0, 0)], 9.0, False),
        ([Step(0, 0)], 12.0, False),
        ([Step(0, 0)], None, False),
        (FORWARD, 5.5, True),
        (FORWARD, 4.9, False),
        (FORWARD, 10.5, False),
        (BACK, 3610.5, True),
        (BACK, 10.5, False),
        (BACK, None, False),
        (BRIEFLY, 5.2, True),
        (BRIEFLY, 10.5, True),
    ],
)
def test_life_of_a_key_is_held_against_the_clock_that_it_goes_by(
    steps: list[Step], ended_s: float | None, right: bool
) -> None:
    life = Life(KEY, 10, 0.0, 0.1, ended_s)

    found = wall_clock.judge([life], steps, now_s=5000.0, grace_s=1.0)

    assert [each.rule for each in found] == ([] if right else ["lives"])


def test_watch_that_a_server_goes_on_holding_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.served_here.PATIENCE_S", 0.0)
    held = {"watches": 1}

    async def story() -> None:
        tearing = Tearing(Here("127.0.0.1:1", "", lambda: held["watches"]), 3, [])
        files, _ = tearing.held()
        assert [each.rule for each in await tearing.leaks((files + 9, 0))] == ["leak"]
        held["watches"] = 0
        assert await tearing.leaks((files + 9, 0)) == []

    asyncio.run(story())


def test_lost_answer_of_a_client_that_was_not_torn_is_found() -> None:
    assert disturbances([Unknown(0, FIRST)]) == []
    assert [each.rule for each in disturbances([Unknown(0, 7)])] == ["disturbed"]
