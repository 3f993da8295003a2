"""Revisions counted from where a test begins: a server goes on from what earlier tests wrote."""

from __future__ import annotations

from collections.abc import Iterable

from storage.interface import Store


class Revisions:
    """Made before a test's first write: what a revision of a new store is on this one.

    A new store is at revision 1, so ``at(2)`` is that of the first write.
    """

    def __init__(self, store: Store) -> None:
        self._before = store.current_revision() - 1

    def __call__(self, revision: int) -> int:
        return self._before + revision

    def each(self, revisions: Iterable[int]) -> list[int]:
        """Return several."""
        return [self._before + revision for revision in revisions]
