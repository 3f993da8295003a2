"""What every filter and every score promises (``plugins``), over their registries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduler.filters.registry import FILTERS
from cluster.scheduler.plugins import MAX_SCORE, Filter, Score
from cluster.scheduler.scores.registry import SCORES
from cluster.scheduler.state import ClusterState, Needs, NodeFacts, NodeState

GIB = 1 << 30
ROOMY = NodeFacts("roomy", 64_000, 512 * GIB, 110, {"zone": "a"}, ready=True, unschedulable=False)

amounts = st.integers(min_value=0, max_value=100_000)
sizes = st.integers(min_value=0, max_value=600 * GIB)
labels = st.dictionaries(st.sampled_from(["zone", "disk"]), st.sampled_from(["a", "b"]))
facts = st.builds(
    NodeFacts,
    st.just("n"),
    amounts,
    sizes,
    st.integers(min_value=0, max_value=3),
    labels,
    ready=st.booleans(),
    unschedulable=st.booleans(),
)
selectors = labels.map(lambda found: tuple(sorted(found.items())))
needs = st.builds(Needs, amounts, sizes, amounts, sizes, selectors)


def state_of(node: NodeFacts, pods: list[Needs]) -> NodeState:
    state = ClusterState()
    state.set_node(node)
    made = state.nodes[0]
    for number, each in enumerate(pods):
        made.pods[str(number)] = each
        made.cpu_milli += each.cpu_milli
        made.memory_bytes += each.memory_bytes
        made.scored_cpu_milli += each.scored_cpu_milli
        made.scored_memory_bytes += each.scored_memory_bytes
    return made


def seen(node: NodeState) -> object:
    return (
        node.facts,
        node.position,
        node.cpu_milli,
        node.memory_bytes,
        node.scored_cpu_milli,
        node.scored_memory_bytes,
        dict(node.pods),
    )


@pytest.mark.slow
@pytest.mark.parametrize("plugin", FILTERS.values(), ids=FILTERS)
@given(needs=needs, node=facts, pods=st.lists(needs, max_size=4))
def test_filter_is_a_pure_function_that_says_why(
    plugin: Filter, needs: Needs, node: NodeFacts, pods: list[Needs]
) -> None:
    state = state_of(node, pods)
    before = seen(state)

    reasons = plugin.reasons(needs, state)

    assert plugin.reasons(needs, state) == reasons
    assert seen(state) == before
    assert all(reason.strip() for reason in reasons)
    assert len(set(reasons)) == len(reasons)


@pytest.mark.slow
@pytest.mark.parametrize("plugin", FILTERS.values(), ids=FILTERS)
@given(pods=st.lists(st.builds(Needs, *[st.integers(0, 100)] * 4), max_size=5))
def test_filter_lets_an_undemanding_pod_onto_a_ready_node(
    plugin: Filter, pods: list[Needs]
) -> None:
    assert plugin.reasons(Needs(0, 0, 0, 0), state_of(ROOMY, pods)) == ()


@pytest.mark.slow
@pytest.mark.parametrize("plugin", SCORES.values(), ids=SCORES)
@given(needs=needs, node=facts, pods=st.lists(needs, max_size=4))
def test_score_is_a_pure_function_within_its_bounds(
    plugin: Score, needs: Needs, node: NodeFacts, pods: list[Needs]
) -> None:
    state = state_of(node, pods)
    before = seen(state)

    score = plugin.score(needs, state)

    assert 0 <= score <= MAX_SCORE
    assert plugin.score(needs, state) == score
    assert seen(state) == before
