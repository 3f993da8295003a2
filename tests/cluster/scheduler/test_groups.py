"""Groups of pods, against a naive model that looks at every pod and every selector."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduler.groups import PodGroups
from serialization.selectors import EVERYTHING, NOTHING, LabelSelector, of_map, parse_labels

LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["a", "b"]))
NAMESPACES = st.sampled_from(["x", "y"])
SELECTORS = LABELS.map(of_map) | st.sampled_from(
    ["app in (a,b)", "tier", "!tier", "app!=a", "app=a,tier notin (b)"]
).map(parse_labels)
STEPS = st.one_of(
    st.tuples(
        st.just("place"), st.integers(0, 8), NAMESPACES, LABELS, st.sampled_from(["n1", "n2"])
    ),
    st.tuples(st.just("remove"), st.integers(0, 8)),
    st.tuples(st.just("select"), st.integers(0, 3), NAMESPACES, SELECTORS),
    st.tuples(st.just("drop"), st.integers(0, 3)),
)


class Naive:
    """All pods and all selectors in two dictionaries."""

    def __init__(self) -> None:
        self.pods: dict[str, tuple[str, dict[str, str], str]] = {}
        self.selectors: dict[str, tuple[str, LabelSelector]] = {}

    def counts(self, namespace: str, labels: dict[str, str]) -> Counter[str]:
        alike = [
            selector
            for home, selector in self.selectors.values()
            if home == namespace and selector.requirements and selector.matches(labels)
        ]
        return Counter(
            node
            for home, its, node in self.pods.values()
            if home == namespace and its and any(each.matches(its) for each in alike)
        )


@given(st.lists(STEPS, max_size=40), NAMESPACES, LABELS)
def test_groups_count_what_a_look_at_everything_counts(
    steps: list[tuple[object, ...]], namespace: str, labels: dict[str, str]
) -> None:
    groups, naive = PodGroups(), Naive()
    for step in steps:
        match step:
            case ("place", number, str(home), dict(its), str(node)):
                uid = str(number)
                groups.place(uid, home, its, node)
                if its:  # what has no labels belongs to nobody
                    naive.pods.setdefault(uid, (home, its, node))
            case ("remove", number):
                gone = naive.pods.pop(str(number), None)
                groups.remove(str(number), gone[2] if gone else "")
            case ("select", number, str(home), LabelSelector() as selector):
                groups.select(str(number), naive.selectors.get(str(number), (home,))[0], None)
                groups.select(str(number), home, selector)
                naive.selectors[str(number)] = (home, selector)
            case (_, number):
                home, _ = naive.selectors.pop(str(number), ("", None))
                groups.select(str(number), home, None)

    assert dict(groups.counts(namespace, labels)) == dict(naive.counts(namespace, labels))


@pytest.mark.parametrize("selector", [None, EVERYTHING, NOTHING])
def test_selectors_that_are_none_make_no_groups(selector: LabelSelector | None) -> None:
    groups = PodGroups()
    groups.select("service", "x", selector)
    groups.place("p", "x", {"app": "a"}, "n")

    assert dict(groups.counts("x", {"app": "a"})) == {}


def test_a_pod_is_alike_to_those_that_any_of_its_selectors_match() -> None:
    groups = PodGroups()
    groups.select("service", "x", of_map({"app": "a"}))
    groups.select("controller", "x", of_map({"tier": "b"}))
    groups.place("1", "x", {"app": "a"}, "n1")
    groups.place("2", "x", {"tier": "b"}, "n2")
    groups.place("3", "x", {"app": "other"}, "n3")

    assert dict(groups.counts("x", {"app": "a", "tier": "b"})) == {"n1": 1, "n2": 1}
    assert dict(groups.counts("x", {"app": "a"})) == {"n1": 1}
    assert dict(groups.counts("y", {"app": "a"})) == {}


def test_nothing_is_left_when_all_have_gone() -> None:
    groups = PodGroups()
    groups.select("service", "x", of_map({"app": "a"}))
    groups.select("wide", "x", parse_labels("app"))
    groups.place("1", "x", {"app": "a"}, "n1")
    groups.remove("1", "n1")
    groups.select("service", "x", None)
    groups.select("wide", "x", None)

    assert [len(each) for each in vars(groups).values()] == [0] * len(vars(groups))
