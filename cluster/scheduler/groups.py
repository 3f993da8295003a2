"""Which pods belong together, and how many of them are on each node: what spreading looks at.

Pods of one namespace with equal labels are a *set*. The selectors of services and replica
controllers say which sets are alike: a pod's *group* is every set that one of the selectors that
match the pod matches too. Sets and selectors are filed under one label each, so that finding a
group costs a few look-ups however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from serialization.selectors import LabelSelector, Operator

Pair = tuple[str, str, str]
"""Namespace, label key, label value."""

NOWHERE: Final[Mapping[str, int]] = {}


class _SetKey(NamedTuple):
    namespace: str
    labels: tuple[tuple[str, str], ...]


class _PodSet:
    """Pods of equal labels, counted by node."""

    __slots__ = ("counts", "key", "labels")

    def __init__(self, key: _SetKey) -> None:
        self.key = key
        self.labels = dict(key.labels)
        self.counts: dict[str, int] = {}


class PodGroups:
    """Counts of placed pods by group and node; assumed pods count too, deleted ones do not."""

    def __init__(self) -> None:
        self._sets: dict[_SetKey, _PodSet] = {}
        self._sets_by_pair: dict[Pair, dict[_SetKey, _PodSet]] = {}
        self._sets_in: dict[str, dict[_SetKey, _PodSet]] = {}
        self._set_of: dict[str, _PodSet] = {}
        self._selectors: dict[str, tuple[str, LabelSelector]] = {}
        self._selectors_by_pair: dict[Pair, dict[str, LabelSelector]] = {}
        self._wide_selectors: dict[str, dict[str, LabelSelector]] = {}
        """By namespace: those that name no single value of any label."""

    def place(self, uid: str, namespace: str, labels: Mapping[str, str], node_name: str) -> None:
        """Count a pod on a node; one that is counted already stays where it is."""
        if not labels or uid in self._set_of:
            return
        key = _SetKey(namespace, tuple(sorted(labels.items())))
        found = self._sets.get(key) or self._file(key)
        found.counts[node_name] = found.counts.get(node_name, 0) + 1
        self._set_of[uid] = found

    def remove(self, uid: str, node_name: str) -> None:
        """Stop counting a pod on the node that it was placed on."""
        found = self._set_of.pop(uid, None)
        if found is None:
            return
        left = found.counts[node_name] - 1
        if left:
            found.counts[node_name] = left
            return
        del found.counts[node_name]
        if not found.counts:
            self._unfile(found)

    def select(self, owner: str, namespace: str, selector: LabelSelector | None) -> None:
        """Set the selector of a service or controller (its uid); None, or an empty one: none."""
        self._forget(owner)
        if selector is None or selector.nothing or not selector.requirements:
            return
        self._selectors[owner] = (namespace, selector)
        self._home(namespace, selector)[owner] = selector

    def counts(self, namespace: str, labels: Mapping[str, str]) -> Mapping[str, int]:
        """Return how many pods alike there are by node name; nodes that have none are not there.

        The result is a look at what is kept: read it before anything changes.
        """
        sets: dict[_SetKey, _PodSet] = {}
        for selector in self._matching(namespace, labels):
            for found in self._candidates(namespace, selector):
                if found.key not in sets and selector.matches(found.labels):
                    sets[found.key] = found
        if not sets:
            return NOWHERE
        if len(sets) == 1:
            return next(iter(sets.values())).counts
        total: dict[str, int] = {}
        for found in sets.values():
            for name, count in found.counts.items():
                total[name] = total.get(name, 0) + count
        return total

    def _matching(self, namespace: str, labels: Mapping[str, str]) -> Iterator[LabelSelector]:
        for key, value in labels.items():
            for selector in self._selectors_by_pair.get((namespace, key, value), {}).values():
                if selector.matches(labels):
                    yield selector
        for selector in self._wide_selectors.get(namespace, {}).values():
            if selector.matches(labels):
                yield selector

    def _candidates(self, namespace: str, selector: LabelSelector) -> Iterable[_PodSet]:
        pair = _pair_of(selector)
        if pair is None:
            return self._sets_in.get(namespace, {}).values()
        return self._sets_by_pair.get((namespace, *pair), {}).values()

    def _home(self, namespace: str, selector: LabelSelector) -> dict[str, LabelSelector]:
        pair = _pair_of(selector)
        if pair is None:
            return self._wide_selectors.setdefault(namespace, {})
        return self._selectors_by_pair.setdefault((namespace, *pair), {})

    def _forget(self, owner: str) -> None:
        known = self._selectors.pop(owner, None)
        if known is None:
            return
        namespace, selector = known
        home = self._home(namespace, selector)
        del home[owner]
        if home:
            return
        pair = _pair_of(selector)
        if pair is None:
            del self._wide_selectors[namespace]
        else:
            del self._selectors_by_pair[namespace, *pair]

    def _file(self, key: _SetKey) -> _PodSet:
        made = self._sets[key] = _PodSet(key)
        self._sets_in.setdefault(key.namespace, {})[key] = made
        for pair in key.labels:
            self._sets_by_pair.setdefault((key.namespace, *pair), {})[key] = made
        return made

    def _unfile(self, gone: _PodSet) -> None:
        key = gone.key
        del self._sets[key]
        beside = self._sets_in[key.namespace]
        del beside[key]
        if not beside:
            del self._sets_in[key.namespace]
        for pair in key.labels:
            filed = self._sets_by_pair[key.namespace, *pair]
            del filed[key]
            if not filed:
                del self._sets_by_pair[key.namespace, *pair]


def _pair_of(selector: LabelSelector) -> tuple[str, str] | None:
    """Return a label that everything has that a selector matches, or None."""
    for each in selector.requirements:
        if each.operator is Operator.IN and len(each.values) == 1:
            (value,) = each.values
            return each.key, value
    return None
