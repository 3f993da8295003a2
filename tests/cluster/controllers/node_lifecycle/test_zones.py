"""Zones: their states, the rates that follow, and the lines of nodes to be emptied."""

from __future__ import annotations

import pytest

from cluster.controllers.node_lifecycle.zones import Zones, ZoneState, rate_of, state_of


@pytest.mark.parametrize(
    ("ready", "down", "state"),
    [
        (0, 0, ZoneState.NORMAL),
        (3, 0, ZoneState.NORMAL),
        (0, 1, ZoneState.FULL),
        (0, 100, ZoneState.FULL),
        (1, 2, ZoneState.NORMAL),  # two are never much of a zone
        (1, 3, ZoneState.PARTIAL),
        (45, 55, ZoneState.PARTIAL),
        (46, 54, ZoneState.NORMAL),
    ],
)
def test_state_of_a_zone(ready: int, down: int, state: ZoneState) -> None:
    assert state_of(ready, down) is state


@pytest.mark.parametrize(
    ("state", "nodes", "per_s"),
    [
        (ZoneState.NORMAL, 10, 0.1),
        (ZoneState.FULL, 10, 0.1),
        (ZoneState.PARTIAL, 50, 0.0),
        (ZoneState.PARTIAL, 51, 0.01),
    ],
)
def test_rate_of_a_zone(state: ZoneState, nodes: int, per_s: float) -> None:
    assert rate_of(state, nodes) == per_s


def taken(zones: Zones, until_s: int) -> list[tuple[int, str]]:
    """Ask every five seconds."""
    return [(now_s, node) for now_s in range(0, until_s, 5) for node in zones.take(now_s)]


def test_one_node_goes_every_ten_seconds_in_each_zone() -> None:
    zones = Zones()
    zones.judge([("a", True)] * 10 + [("a", False)] * 3 + [("b", True), ("b", False)])
    for node in ("a1", "a2", "a3", "a2"):
        zones.wait("a", node)
    zones.wait("b", "b1")

    assert taken(zones, 60) == [(0, "a1"), (0, "b1"), (10, "a2"), (20, "a3")]


def test_large_zone_that_is_partly_down_goes_on_slowly_and_a_small_one_not_at_all() -> None:
    zones = Zones()
    zones.judge([("a", True)] * 40 + [("a", False)] * 60 + [("b", True)] + [("b", False)] * 9)
    for zone in ("a", "b"):
        for index in range(3):
            zones.wait(zone, f"{zone}{index}")

    assert taken(zones, 210) == [(0, "a0"), (100, "a1"), (200, "a2")]
    assert len(zones) == 3


def test_rate_of_a_zone_that_recovers_holds_at_once() -> None:
    zones = Zones()
    zones.judge([("a", True)] * 40 + [("a", False)] * 60)
    zones.wait("a", "a0")
    zones.wait("a", "a1")
    assert zones.take(0) == ["a0"]

    zones.judge([("a", True)] * 98 + [("a", False)] * 2)

    assert zones.take(5) == []
    assert zones.take(10) == ["a1"]


def test_everything_is_down_only_when_every_zone_is() -> None:
    zones = Zones()
    states = []
    for nodes in (
        [],
        [("a", False), ("b", True)],
        [("a", False), ("b", False)],
        [("a", True), ("b", False)],
    ):
        zones.judge(nodes)
        states.append(zones.all_down)

    assert states == [False, False, True, False]
    assert zones.state("a") is ZoneState.NORMAL
    assert zones.state("b") is ZoneState.FULL
    assert zones.state("nowhere") is ZoneState.NORMAL


def test_node_that_recovers_leaves_its_line() -> None:
    zones = Zones()
    zones.wait("a", "a0")
    zones.wait("a", "a1")

    zones.leave("a", "a0")
    zones.leave("b", "b0")

    assert zones.take(0) == ["a1"]
    zones.wait("a", "a2")
    zones.clear()
    assert len(zones) == 0
