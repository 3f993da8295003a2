"""The scheduler's model: what is counted where, whatever the order of events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduler.state import ClusterState, Needs, NodeFacts

NEEDS = Needs(100, 10, 100, 10)


def node(name: str, cpu_milli: int = 1000) -> NodeFacts:
    return NodeFacts(name, cpu_milli, 1000, 10, {}, ready=True, unschedulable=False)


def used(state: ClusterState, name: str) -> int:
    found = state.node(name)
    assert found is not None
    return found.cpu_milli


def test_assumed_pod_counts_until_forgotten() -> None:
    state = ClusterState()
    state.set_node(node("a"))

    state.assume("p", "a", NEEDS)
    assumed = used(state, "a")
    state.forget("p")

    assert (assumed, used(state, "a")) == (100, 0)


def test_confirmed_pod_is_not_forgotten() -> None:
    state = ClusterState()
    state.set_node(node("a"))
    state.assume("p", "a", NEEDS)

    state.observe("p", "a", NEEDS)
    state.forget("p")

    assert used(state, "a") == 100
    assert not state.is_assumed("p")


def test_pod_seen_elsewhere_moves() -> None:
    state = ClusterState()
    state.set_node(node("a"))
    state.set_node(node("b"))
    state.assume("p", "a", NEEDS)

    state.observe("p", "b", NEEDS)

    assert (used(state, "a"), used(state, "b")) == (0, 100)


def test_pods_seen_before_their_node_count_when_it_comes() -> None:
    state = ClusterState()
    state.observe("p", "a", NEEDS)
    state.observe("q", "a", NEEDS)
    state.remove_pod("q")

    state.set_node(node("a"))

    assert used(state, "a") == 100


def test_pods_of_a_removed_node_are_there_when_it_comes_back() -> None:
    state = ClusterState()
    state.set_node(node("a"))
    state.observe("p", "a", NEEDS)

    state.remove_node("a")
    state.set_node(node("a"))

    assert used(state, "a") == 100


def test_unchanged_node_says_that_nothing_moved() -> None:
    state = ClusterState()

    assert state.set_node(node("a"))
    assert not state.set_node(node("a"))
    assert state.set_node(node("a", cpu_milli=2000))


EVENTS = st.tuples(
    st.sampled_from(["assume", "observe", "forget", "remove", "node", "no-node"]),
    st.integers(0, 5),
    st.sampled_from("abc"),
)


@given(st.lists(EVENTS, max_size=80))
def test_sums_always_equal_the_pods_counted(events: list[tuple[str, int, str]]) -> None:
    state = ClusterState()
    where: dict[str, str] = {}
    for event, number, name in events:
        uid, needs = str(number), Needs(10 * number, number, 10 * number + 1, number)
        match event:
            case "assume" if uid not in where:
                state.assume(uid, name, needs)
                where[uid] = name
            case "observe":
                state.observe(uid, name, needs)
                where[uid] = name
            case "forget" if state.is_assumed(uid):
                state.forget(uid)
                del where[uid]
            case "remove":
                state.remove_pod(uid)
                where.pop(uid, None)
            case "node":
                state.set_node(node(name))
            case "no-node":
                state.remove_node(name)

        for each in state.nodes:
            here = {uid for uid, at in where.items() if at == each.facts.name}
            assert set(each.pods) == here
            assert each.cpu_milli == sum(10 * int(uid) for uid in here)
            assert each.scored_memory_bytes == sum(int(uid) for uid in here)
