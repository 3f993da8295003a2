"""Which of several feasible nodes is taken for reasons that compare them with each other."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from cluster.scheduler.constraints import (
    Constraints,
    Preference,
    Requirement,
    Taint,
    Term,
    Toleration,
)
from cluster.scheduler.decision import Chosen, Decider
from cluster.scheduler.filters.registry import FILTERS
from cluster.scheduler.groups import NOWHERE
from cluster.scheduler.plugins import INFEASIBLE, Asked, Window
from cluster.scheduler.scores.registry import RELATIVE_SCORES, SCORES
from cluster.scheduler.scores.spreading import Spreading
from cluster.scheduler.state import ClusterState, Needs, NodeFacts

GIB = 1 << 30
NODE = NodeFacts("n", 4000, 8 * GIB, 100, {}, ready=True, unschedulable=False)
SMALL = Needs(100, GIB // 8, 100, GIB // 8)
SOFT = Taint("old", "", "PreferNoSchedule")
DISK = Term((Requirement("disk", "In", ("ssd",)),))


def node(name: str, **changes: object) -> NodeFacts:
    return NODE._replace(name=name, **changes)  # type: ignore[arg-type]  # fields by name


def chosen(
    nodes: list[NodeFacts], rest: Constraints | None = None, alike: Mapping[str, int] = NOWHERE
) -> set[str]:
    """Return the nodes that are taken, over many seeds."""
    names = set()
    for seed in range(20):
        state = ClusterState()
        for each in nodes:
            state.set_node(each)
        relative = tuple(RELATIVE_SCORES.values())
        decider = Decider(
            state,
            tuple(FILTERS.values()),
            tuple(SCORES.values()),
            random.Random(seed),
            relative=relative,
        )
        outcome = decider.choose(SMALL._replace(rest=rest or Constraints()), alike)
        assert isinstance(outcome, Chosen)
        names.add(outcome.node_name)
    return names


@pytest.mark.parametrize(
    ("alike", "expected"),
    [
        ({}, {"a", "b", "c"}),
        ({"a": 1}, {"b", "c"}),
        ({"a": 2, "b": 1, "c": 2}, {"b"}),
        ({"a": 1, "b": 1, "c": 1}, {"a", "b", "c"}),
        ({"gone": 5}, {"a", "b", "c"}),
    ],
)
def test_pods_alike_go_to_different_nodes(alike: dict[str, int], expected: set[str]) -> None:
    assert chosen([node("a"), node("b"), node("c")], alike=alike) == expected


@pytest.mark.parametrize(
    ("alike", "expected"),
    [
        ({"a1": 1}, {"b1"}),
        ({"a1": 1, "b1": 1}, {"a2"}),
        ({"a1": 1, "b1": 2}, {"a2"}),
        ({"a1": 1, "a2": 1, "b1": 2}, {"a1", "a2"}),
    ],
)
def test_zones_count_for_more_than_nodes(alike: dict[str, int], expected: set[str]) -> None:
    nodes = [node("a1", zone="/a"), node("a2", zone="/a"), node("b1", zone="/b")]
    assert chosen(nodes, alike=alike) == expected


def test_zone_scores_are_those_of_kubernetes() -> None:
    """Its own case: 10 points, node scores a third and zone scores two thirds, truncated."""
    state = ClusterState()
    zones = {"z1m1": "/1", "z1m2": "/1", "z2m1": "/2", "z2m2": "/2", "z3m1": "/3", "z3m2": "/3"}
    for name, zone in zones.items():
        state.set_node(node(name, zone=zone))
    window = Window(state, 0, [0] * 6)

    Spreading().adjust(Asked(SMALL, {"z1m1": 1, "z1m2": 1, "z2m1": 1}), window)

    # Of 100: node (1 - count/1) / 3, zone (1 - count/2) * 2 / 3.
    assert [(100 + score) // 10 for score in window.scores] == [0, 0, 3, 6, 10, 10]


def test_nodes_without_a_zone_are_judged_by_their_own_pods_only() -> None:
    nodes = [node("a", zone="/a"), node("none")]
    assert chosen(nodes, alike={"a": 1}) == {"none"}
    assert chosen(nodes, alike={"none": 1}) == {"a"}


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ((), {"a", "b"}),
        ((Preference(1, DISK),), {"b"}),
        ((Preference(1, DISK), Preference(2, Term((Requirement("zone", "In", ("x",)),)))), {"a"}),
        ((Preference(1, Term((Requirement("zone", "In", ("nowhere",)),))),), {"a", "b"}),
    ],
)
def test_preferred_affinity_is_followed_by_weight(
    wishes: tuple[Preference, ...], expected: set[str]
) -> None:
    nodes = [node("a", labels={"zone": "x"}), node("b", labels={"disk": "ssd"})]
    assert chosen(nodes, Constraints(preferred=wishes)) == expected


def test_soft_taints_are_avoided_unless_tolerated() -> None:
    nodes = [node("a", taints=(SOFT,)), node("b")]
    tolerating = Constraints(tolerations=(Toleration("old", "Exists", "", ""),))

    assert chosen(nodes) == {"b"}
    assert chosen(nodes, tolerating) == {"a", "b"}
    assert chosen([node("a", taints=(SOFT,)), node("b", ready=False)]) == {"a"}


def test_window_knows_places_round_the_end() -> None:
    state = ClusterState()
    for name in "abcd":
        state.set_node(node(name, zone=f"/{name}"))
    window = Window(state, 3, [1, INFEASIBLE, 3])

    assert [window.place_of(name) for name in "abcd"] == [None, 2, None, 0]
    assert window.place_of("nobody") is None
    assert window.places_of({"a": 1, "b": 2, "nobody": 3, "d": 4}) == [(2, 2), (0, 4)]
    assert [(at, each.facts.name) for at, each in window.feasible()] == [(0, "d"), (2, "b")]
    assert window.zones() == ["/d", "/a", "/b"]
    assert window.names() == [each.facts.name for each in window.nodes()] == ["d", "a", "b"]
    state.remove_node("a")
    assert state.names == ["b", "c", "d"]
