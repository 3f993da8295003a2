"""What every filter and every score promises (``plugins``), over their registries.

To make an example costs far more than to ask a plugin, so all plugins are asked about each.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduler.constraint_reader import PRESSURES
from cluster.scheduler.constraints import (
    ANY_IP,
    UNCONSTRAINED,
    Constraints,
    Disk,
    HostPort,
    Preference,
    Requirement,
    Taint,
    Term,
    Toleration,
)
from cluster.scheduler.filters.registry import FILTERS
from cluster.scheduler.plugins import (
    INFEASIBLE,
    MAX_SCORE,
    Asked,
    RelativeScore,
    Window,
)
from cluster.scheduler.scores.registry import RELATIVE_SCORES, SCORES
from cluster.scheduler.state import ClusterState, Needs, NodeFacts, NodeState
from cluster.scheduler.volumes import UNBOUND

GIB = 1 << 30
ROOMY = NodeFacts("roomy", 64_000, 512 * GIB, 110, {"zone": "a"}, ready=True, unschedulable=False)

amounts = st.integers(min_value=0, max_value=100_000)
sizes = st.integers(min_value=0, max_value=600 * GIB)
labels = st.dictionaries(st.sampled_from(["zone", "disk"]), st.sampled_from(["a", "b"]))
words = st.sampled_from(["", "a", "b"])
effects = st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"])
others = st.dictionaries(st.sampled_from(["gpu", "disk"]), st.integers(0, 3)).map(
    lambda found: tuple(sorted(found.items()))
)
facts = st.builds(
    NodeFacts,
    st.just("n"),
    amounts,
    sizes,
    st.integers(min_value=0, max_value=3),
    labels,
    ready=st.booleans(),
    unschedulable=st.booleans(),
    taints=st.lists(st.builds(Taint, words, words, effects), max_size=2).map(tuple),
    pressures=st.lists(st.sampled_from(PRESSURES), unique=True).map(tuple),
    zone=st.sampled_from(["", "/a", "/b"]),
    resources=others,
)
operators = st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "nonsense"])
requirements = st.builds(
    Requirement,
    st.sampled_from(["zone", "disk"]),
    operators,
    st.lists(words, max_size=2).map(tuple),
)
terms = st.builds(Term, st.lists(requirements, max_size=2).map(tuple))
some_terms = st.lists(terms, max_size=2).map(tuple)
constraints = st.builds(
    Constraints,
    tolerations=st.lists(
        st.builds(Toleration, words, st.sampled_from(["Exists", "Equal", ""]), words, words),
        max_size=2,
    ).map(tuple),
    required=st.none() | some_terms,
    preferred=st.lists(st.builds(Preference, st.integers(1, 100), terms), max_size=2).map(tuple),
    ports=st.lists(
        st.builds(HostPort, st.sampled_from([ANY_IP, "10.0.0.1"]), words, st.integers(80, 81)),
        max_size=2,
    ).map(tuple),
    disks=st.lists(
        st.builds(Disk, st.sampled_from(["gce", "ebs", "rbd"]), words, st.booleans()), max_size=2
    ).map(tuple),
    zones=st.lists(
        st.tuples(st.just("zone"), st.lists(words, max_size=2).map(tuple)), max_size=1
    ).map(tuple),
    volume_terms=st.lists(some_terms, max_size=1).map(tuple),
    resources=others,
    best_effort=st.booleans(),
    trouble=st.sampled_from(["", UNBOUND]),
)
selectors = labels.map(lambda found: tuple(sorted(found.items())))
needs = st.builds(Needs, amounts, sizes, amounts, sizes, selectors, constraints)
simple_needs = st.builds(Needs, *[st.integers(0, 100)] * 4, st.just(()), st.just(UNCONSTRAINED))


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
@given(needs=needs, node=facts, pods=st.lists(needs, max_size=4))
def test_filters_are_pure_functions_that_say_why(
    needs: Needs, node: NodeFacts, pods: list[Needs]
) -> None:
    state = state_of(node, pods)
    before = seen(state)

    for name, plugin in FILTERS.items():
        reasons = plugin.reasons(needs, state)

        assert plugin.reasons(needs, state) == reasons, name
        assert seen(state) == before, name
        assert all(reason.strip() for reason in reasons), name
        assert len(set(reasons)) == len(reasons), name


@pytest.mark.slow
@given(pods=st.lists(simple_needs, max_size=5))
def test_filters_let_an_undemanding_pod_onto_a_ready_node(pods: list[Needs]) -> None:
    for name, plugin in FILTERS.items():
        assert plugin.reasons(Needs(0, 0, 0, 0), state_of(ROOMY, pods)) == (), name


@pytest.mark.slow
@given(needs=needs, node=facts, pods=st.lists(needs, max_size=4))
def test_scores_are_pure_functions_within_their_bounds(
    needs: Needs, node: NodeFacts, pods: list[Needs]
) -> None:
    state = state_of(node, pods)
    before = seen(state)

    for name, plugin in SCORES.items():
        score = plugin.score(needs, state)

        assert 0 <= score <= MAX_SCORE, name
        assert plugin.score(needs, state) == score, name
        assert seen(state) == before, name


@pytest.mark.slow
@pytest.mark.parametrize("plugin", RELATIVE_SCORES.values(), ids=RELATIVE_SCORES)
@given(
    needs=needs,
    nodes=st.lists(facts, min_size=1, max_size=5),
    alike=st.dictionaries(st.integers(0, 6).map(lambda n: f"n{n}"), st.integers(1, 4)),
    data=st.data(),
)
def test_relative_score_stays_within_its_bounds_and_leaves_refused_nodes_alone(
    plugin: RelativeScore,
    needs: Needs,
    nodes: list[NodeFacts],
    alike: dict[str, int],
    data: st.DataObject,
) -> None:
    state = ClusterState()
    for number, each in enumerate(nodes):
        state.set_node(each._replace(name=f"n{number}"))
    start = data.draw(st.integers(0, len(nodes) - 1))
    refused = data.draw(st.lists(st.booleans(), min_size=1, max_size=len(nodes)))
    before = [INFEASIBLE if each else 1000 for each in refused]

    results = []
    for _ in range(2):
        window = Window(state, start, list(before))
        plugin.adjust(Asked(needs, dict(alike)), window)
        results.append(window.scores)

    after = results[0]
    assert results[0] == results[1]
    assert len(after) == len(before)
    assert all(new == INFEASIBLE for new, old in zip(after, before, strict=True) if old < 0)
    changes = [new - 1000 for new in after if new != INFEASIBLE]
    assert all(-MAX_SCORE <= change <= MAX_SCORE for change in changes)
    assert max(changes, default=0) - min(changes, default=0) <= MAX_SCORE


@pytest.mark.parametrize("plugin", RELATIVE_SCORES.values(), ids=RELATIVE_SCORES)
def test_relative_score_has_nothing_to_say_of_a_plain_pod_on_plain_nodes(
    plugin: RelativeScore,
) -> None:
    state = ClusterState()
    for number in range(3):
        state.set_node(ROOMY._replace(name=f"n{number}"))
    window = Window(state, 1, [5, 6, 7])

    plugin.adjust(Asked(Needs(0, 0, 0, 0), {}), window)

    assert window.scores == [5, 6, 7]
