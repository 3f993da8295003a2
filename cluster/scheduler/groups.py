"""Which pods belong together, and how many of them are on each node: what spreading looks at.

Pods of one namespace with equal labels are a *set*. The selectors of services and replica
controllers say which sets are alike: a pod's *group* is every set that one of the selectors that
match the pod matches too. Sets and selectors are filed under one label each, so that finding a
group costs a few look-ups however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from cluster.client.interface import ObjectKey
from cluster.client.selector_index import SelectorIndex, pairs_of
from serialization.selectors import LabelSelector

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
        self._selectors = SelectorIndex()
        """By namespace and the owner's uid: names repeat between kinds."""

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
        key = ObjectKey(namespace, owner)
        if selector is None or selector.nothing or not selector.requirements:
            self._selectors.drop(key)
        else:
            self._selectors.put(key, selector)

    def counts(self, namespace: str, labels: Mapping[str, str]) -> Mapping[str, int]:
        """Return how many pods alike there are by node name; nodes that have none are not there.

        The result is a look at what is kept: read it before anything changes.
        """
        sets: dict[_SetKey, _PodSet] = {}
        for key in self._selectors.matching(namespace, labels):
            selector = self._selectors.selector(key)
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

    def _candidates(self, namespace: str, selector: LabelSelector) -> Iterable[_PodSet]:
        pairs = pairs_of(selector)
        if not pairs:
            return self._sets_in.get(namespace, {}).values()
        return self._sets_by_pair.get((namespace, *pairs[0]), {}).values()

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
