"""The decision, by table: nodes, needs, outcome."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduler.decision import Chosen, Decider, Unschedulable, wanted
from cluster.scheduler.filters.registry import FILTERS
from cluster.scheduler.scores.registry import SCORES
from cluster.scheduler.state import CHANGES_MAX, ClusterState, Needs, NodeFacts

GIB = 1 << 30
SMALL = Needs(100, GIB, 100, GIB)
NOTHING = Needs(0, 0, 100, 200 << 20)


def node(name: str, **changes: object) -> NodeFacts:
    base = NodeFacts(name, 1000, 8 * GIB, 10, {"zone": "a"}, ready=True, unschedulable=False)
    return base._replace(**changes)  # type: ignore[arg-type]  # fields by name, in a test


def decider(*nodes: NodeFacts, seed: int = 0) -> tuple[Decider, ClusterState]:
    state = ClusterState()
    for each in nodes:
        state.set_node(each)
    chance = random.Random(seed)
    return Decider(state, tuple(FILTERS.values()), tuple(SCORES.values()), chance), state


def choose_some(choose: Decider) -> Chosen:
    outcome = choose.choose(SMALL)
    assert isinstance(outcome, Chosen)
    return outcome


@pytest.mark.parametrize(
    ("nodes", "needs", "expected"),
    [
        ([node("a"), node("b", cpu_milli=2000, memory_bytes=16 * GIB)], SMALL, "b"),
        ([node("a", unschedulable=True), node("b")], SMALL, "b"),
        ([node("a"), node("b", ready=False)], SMALL, "a"),
        ([node("a"), node("b", pods=0)], SMALL, "a"),
        ([node("a"), node("b", memory_bytes=GIB - 1)], SMALL, "a"),
        (
            [node("a"), node("b", labels={"zone": "b"})],
            SMALL._replace(selector=(("zone", "b"),)),
            "b",
        ),
    ],
)
def test_choose_takes_the_best_feasible_node(
    nodes: list[NodeFacts], needs: Needs, expected: str
) -> None:
    choose, _state = decider(*nodes)

    outcome = choose.choose(needs)

    assert isinstance(outcome, Chosen)
    assert outcome.node_name == expected


@pytest.mark.parametrize(
    ("nodes", "needs", "message"),
    [
        ([], SMALL, "no nodes available to schedule pods"),
        (
            [node("a", cpu_milli=50), node("b", cpu_milli=50), node("c", memory_bytes=1)],
            SMALL,
            "0/3 nodes are available: 1 Insufficient memory, 2 Insufficient cpu.",
        ),
        (
            [node("a", cpu_milli=50, pods=0)],
            SMALL,
            "0/1 nodes are available: 1 Insufficient cpu, 1 Too many pods.",
        ),
        (
            [node("a", unschedulable=True), node("b", ready=False)],
            NOTHING,
            "0/2 nodes are available: 1 node(s) were not ready, 1 node(s) were unschedulable.",
        ),
        (
            [node("a")],
            SMALL._replace(selector=(("zone", "x"),)),
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
        ),
    ],
)
def test_choose_says_why_no_node_takes_the_pod(
    nodes: list[NodeFacts], needs: Needs, message: str
) -> None:
    choose, _state = decider(*nodes)

    outcome = choose.choose(needs)

    assert isinstance(outcome, Unschedulable)
    assert outcome.message == message


def test_choose_sees_what_was_assumed_and_forgotten() -> None:
    choose, state = decider(node("a", pods=1))

    first = choose.choose(SMALL)
    state.assume("p1", "a", SMALL)
    second = choose.choose(SMALL)
    state.forget("p1")
    third = choose.choose(SMALL)

    assert isinstance(first, Chosen)
    assert isinstance(second, Unschedulable)
    assert isinstance(third, Chosen)


def test_choose_sees_nodes_come_and_go() -> None:
    choose, state = decider(node("a"), node("b", cpu_milli=4000, memory_bytes=32 * GIB))
    before = choose_some(choose)

    state.remove_node("b")
    after = choose.choose(SMALL)

    assert before.node_name == "b"
    assert isinstance(after, Chosen)
    assert after.node_name == "a"


def test_choose_reaches_a_verdict_again_only_where_a_node_changed() -> None:
    choose, state = decider(*(node(f"n{i}") for i in range(50)))
    chosen = choose_some(choose)
    assert choose.verdicts == 50

    state.assume("p1", chosen.node_name, SMALL)
    choose.choose(SMALL)

    assert choose.verdicts == 51


def test_choose_spreads_equal_pods_over_equal_nodes() -> None:
    choose, state = decider(*(node(f"n{i}") for i in range(10)))

    for number in range(50):
        chosen = choose_some(choose)
        state.assume(f"p{number}", chosen.node_name, SMALL)

    assert [len(each.pods) for each in state.nodes] == [5] * 10


def test_choose_is_decided_by_the_seed() -> None:
    def names(seed: int) -> list[str]:
        choose, state = decider(*(node(f"n{i}") for i in range(10)), seed=seed)
        chosen = []
        for number in range(20):
            outcome = choose_some(choose)
            state.assume(f"p{number}", outcome.node_name, SMALL)
            chosen.append(outcome.node_name)
        return chosen

    assert names(7) == names(7)
    assert names(7) != names(8)


def test_choose_looks_at_enough_nodes_and_goes_on_where_it_stopped() -> None:
    choose, _state = decider(*(node(f"n{i}") for i in range(300)))

    outcomes = [choose.choose(SMALL) for _ in range(3)]

    assert all(isinstance(each, Chosen) and each.evaluated == 144 for each in outcomes)
    assert choose.verdicts == 300  # three different windows, the third going round


@pytest.mark.parametrize(
    ("nodes", "enough"), [(1, 1), (100, 100), (150, 100), (1000, 420), (2000, 680), (20000, 1000)]
)
def test_wanted_follows_kubernetes(nodes: int, enough: int) -> None:
    assert wanted(nodes) == enough


def best_score(state: ClusterState, needs: Needs) -> int | None:
    """The naive decision: the best score of any node that passes all filters."""
    return max(
        (
            sum(each.score(needs, node) for each in SCORES.values())
            for node in state.nodes
            if not any(each.reasons(needs, node) for each in FILTERS.values())
        ),
        default=None,
    )


STEPS = st.tuples(
    st.sampled_from(["choose", "choose", "remove", "node", "no-node"]),
    st.integers(0, 6),
    st.sampled_from([0, 100, 300, 900]),
)


@given(st.lists(STEPS, max_size=80), st.integers())
def test_decision_equals_the_naive_one_whatever_happened_before(
    steps: list[tuple[str, int, int]], seed: int
) -> None:
    choose, state = decider(*(node(f"n{i}", pods=4) for i in range(5)), seed=seed)

    for uid, (step, number, cpu) in enumerate(steps):
        match step:
            case "remove":
                state.remove_pod(str(number))
            case "node":
                state.set_node(node(f"n{number}", cpu_milli=1000 + cpu, pods=4))
            case "no-node":
                state.remove_node(f"n{number}")
            case _:
                needs = Needs(cpu, 0, cpu or 100, 1)
                expected = best_score(state, needs)
                outcome = choose.choose(needs)
                if isinstance(outcome, Unschedulable):
                    assert expected is None
                    assert outcome.nodes == len(state)
                    continue
                chosen = state.node(outcome.node_name)
                assert chosen is not None
                assert expected == sum(each.score(needs, chosen) for each in SCORES.values())
                state.assume(str(uid), outcome.node_name, needs)


def test_decider_that_fell_behind_the_kept_changes_looks_at_all_again() -> None:
    choose, state = decider(node("a", cpu_milli=8000), node("b", cpu_milli=500))
    first = choose_some(choose)
    state.set_node(node("a", unschedulable=True))
    for number in range(CHANGES_MAX + 1):
        state.set_node(node("b", cpu_milli=500 + number % 2))

    second = choose_some(choose)

    assert (first.node_name, second.node_name) == ("a", "b")
    assert len(state.changes) <= CHANGES_MAX


@given(st.integers(0, 149), st.integers(1, 60), st.integers())
def test_window_goes_round_and_past_nodes_that_do_not_fit(
    start: int, infeasible: int, seed: int
) -> None:
    facts = [node(f"n{i}", unschedulable=i < infeasible) for i in range(150)]
    choose, _state = decider(*facts, seed=seed)
    choose._start = start

    outcome = choose_some(choose)

    feasible_nodes = 150 - infeasible
    assert outcome.feasible == min(100, feasible_nodes)
    assert int(outcome.node_name[1:]) >= infeasible
    window = [(start + n) % 150 >= infeasible for n in range(outcome.evaluated)]
    assert sum(window) == outcome.feasible
