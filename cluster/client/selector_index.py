"""Which objects' selectors pick some labels, without trying every selector.

A selector that asks for ``key=value`` can only pick what carries that pair, so it is filed under
one such pair of its own, and labels are tried against what is filed under their pairs. The others
(``matchExpressions`` alone, or nothing asked) are few, and are tried each time. Example, with
services a: app=web, b: app=web,tier=1, c: app=db in a namespace:

    labels {app: web, pod: 17}   tries a and b under (app, web), nothing under (pod, 17): picks a
    a namespace without services: one look-up, whatever the labels
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.client.interface import ObjectKey
from serialization.selectors import LabelSelector, Operator

Pair = tuple[str, str]


def pairs_of(selector: LabelSelector) -> list[Pair]:
    """Return the pairs that all that is selected must carry."""
    return [
        (one.key, next(iter(one.values)))
        for one in selector.requirements
        if one.operator is Operator.IN and len(one.values) == 1
    ]


class SelectorIndex:
    """Selectors by the key of the object that has them, each for objects of its own namespace."""

    def __init__(self) -> None:
        self._selectors: dict[ObjectKey, tuple[LabelSelector, Pair | None]] = {}
        self._filed: dict[str, dict[Pair | None, dict[ObjectKey, LabelSelector]]] = {}

    def __len__(self) -> int:
        return len(self._selectors)

    def __iter__(self) -> Iterator[ObjectKey]:
        return iter(self._selectors)

    def put(self, key: ObjectKey, selector: LabelSelector) -> bool:
        """File an object's selector in place of the one it had; return whether that is another."""
        before = self._selectors.get(key)
        if before is not None:
            if before[0] == selector:
                return False
            self.drop(key)
        if selector.nothing:
            self._selectors[key] = selector, None
            return True
        pairs = self._filed.setdefault(key.namespace, {})
        # The pair that the fewest have asked for so far: most labels then meet few selectors.
        pair = min(pairs_of(selector), key=lambda one: len(pairs.get(one, ())), default=None)
        pairs.setdefault(pair, {})[key] = selector
        self._selectors[key] = selector, pair
        return True

    def drop(self, key: ObjectKey) -> None:
        """Forget an object."""
        selector, pair = self._selectors.pop(key, (None, None))
        if selector is None or selector.nothing:
            return
        pairs = self._filed[key.namespace]
        del pairs[pair][key]
        if not pairs[pair]:
            del pairs[pair]
        if not pairs:
            del self._filed[key.namespace]

    def selector(self, key: ObjectKey) -> LabelSelector:
        """Return the selector of an object that is filed here."""
        return self._selectors[key][0]

    def matching(self, namespace: str, labels: Mapping[str, str]) -> list[ObjectKey]:
        """Return whose selectors pick these labels, by pair and then in the order of filing."""
        pairs = self._filed.get(namespace)
        if pairs is None:
            return []
        found: list[ObjectKey] = []
        for pair in (*labels.items(), None):
            if (filed := pairs.get(pair)) is not None:
                found += [key for key, selector in filed.items() if selector.matches(labels)]
        return found
