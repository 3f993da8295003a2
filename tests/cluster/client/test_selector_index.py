"""The selector index: it finds what trying every selector would find."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.client.interface import ObjectKey
from cluster.client.selector_index import SelectorIndex
from serialization.selectors import EVERYTHING, NOTHING, LabelSelector, of_map, parse_labels

NAMESPACES = ("n1", "n2")
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2)
SELECTORS = st.one_of(
    LABELS.map(of_map),
    st.sampled_from(["a in (1,2)", "!b", "a,b=1", "a!=2", "b notin (1)"]).map(parse_labels),
    st.just(NOTHING),
    st.just(EVERYTHING),
)
KEYS = st.builds(ObjectKey, st.sampled_from(NAMESPACES), st.sampled_from("xyz"))


@given(
    st.lists(st.tuples(KEYS, st.one_of(st.none(), SELECTORS)), max_size=12),
    st.sampled_from(NAMESPACES),
    LABELS,
)
def test_index_finds_what_trying_every_selector_finds(
    steps: list[tuple[ObjectKey, LabelSelector | None]], namespace: str, labels: dict[str, str]
) -> None:
    index, model = SelectorIndex(), dict[ObjectKey, LabelSelector]()
    for key, selector in steps:
        if selector is None:
            index.drop(key)
            model.pop(key, None)
        else:
            changed = index.put(key, selector)
            assert changed == (model.get(key) != selector)
            model[key] = selector

    found = index.matching(namespace, labels)

    wanted = {k for k, s in model.items() if k.namespace == namespace and s.matches(labels)}
    assert len(found) == len(wanted) == len(set(found) & wanted)
    assert len(index) == len(model)


def test_selectors_that_share_a_pair_are_filed_under_another() -> None:
    index = SelectorIndex()
    for number in range(100):
        index.put(ObjectKey("n", str(number)), of_map({"all": "same", "own": str(number)}))

    filed = index._filed["n"]

    assert max(len(keys) for keys in filed.values()) == 1


def test_empty_index_keeps_nothing() -> None:
    index, key = SelectorIndex(), ObjectKey("n", "a")
    index.put(key, of_map({"a": "1"}))

    index.drop(key)
    index.drop(key)

    assert (len(index), index._filed) == (0, {})
