"""What a filter, a score and a relative score are.

Filters and scores must be pure functions of the needs and the node's state, and nothing else: the
decision keeps their verdict on a node until that node changes (see ``decision``). A relative score
compares the nodes of a window with each other; it is asked at every decision, so it must find out
at once when it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from cluster.scheduler.state import ClusterState, Needs, NodeState

MAX_SCORE: Final = 100

INFEASIBLE: Final = -(10**9)
"""The score of a node that a filter refused; no sum of scores comes near it."""


class Filter(Protocol):
    """Says whether a pod can run on a node at all."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        """Return why it cannot, in Kubernetes' words (``Insufficient cpu``); empty if it can."""
        ...


class Score(Protocol):
    """Says how good a node is that passed all filters."""

    def score(self, needs: Needs, node: NodeState) -> int:
        """Return 0 (worst) to ``MAX_SCORE`` (best)."""
        ...


class Asked(NamedTuple):
    """What a decision is about."""

    needs: Needs
    alike: Mapping[str, int]
    """How many pods of its services and controllers are on which node (by name)."""


class Window:
    """The nodes that a decision looked at, from a position on and round the end, with scores."""

    __slots__ = ("scores", "start", "state")

    def __init__(self, state: ClusterState, start: int, scores: list[int]) -> None:
        self.state = state
        self.start = start
        self.scores = scores

    def place_of(self, node_name: str) -> int | None:
        """Return where a node stands in ``scores``, or None where it is not, or not feasible."""
        node = self.state.node(node_name)
        if node is None:
            return None
        at = (node.position - self.start) % len(self.state.nodes)
        return at if at < len(self.scores) and self.scores[at] != INFEASIBLE else None

    def places_of(self, counts: Mapping[str, int]) -> list[tuple[int, int]]:
        """Return (place, count) of the feasible nodes here among those counted (hot)."""
        scores, start, seen = self.scores, self.start, len(self.scores)
        nodes = len(self.state.nodes)
        return [
            (at, count)
            for position, count in self.state.located(counts)
            if (at := (position - start) % nodes) < seen and scores[at] != INFEASIBLE
        ]

    def feasible(self) -> Iterator[tuple[int, NodeState]]:
        """Yield the places of the feasible nodes, and the nodes."""
        for at, (score, node) in enumerate(zip(self.scores, self.nodes(), strict=True)):
            if score != INFEASIBLE:
                yield at, node

    def nodes(self) -> list[NodeState]:
        """Return the nodes, in the order of ``scores``."""
        nodes, end = self.state.nodes, self.start + len(self.scores)
        if end <= len(nodes):
            return nodes[self.start : end]
        return nodes[self.start :] + nodes[: end - len(nodes)]

    def zones(self) -> list[str]:
        """Return the zones of the nodes, in the order of ``scores``."""
        return self._round(self.state.zones)

    def names(self) -> list[str]:
        """Return the names of the nodes, in the order of ``scores``."""
        return self._round(self.state.names)

    def _round(self, texts: list[str]) -> list[str]:
        """Cut the window out of what is kept by position."""
        end = self.start + len(self.scores)
        if end <= len(texts):
            return texts[self.start : end]
        return texts[self.start :] + texts[: end - len(texts)]


class RelativeScore(Protocol):
    """Says which nodes of a window are better than others of it."""

    def adjust(self, asked: Asked, window: Window) -> None:
        """Add 0 to ``MAX_SCORE`` to every feasible node of the window.

        Only differences count: one number more or less for all of them changes nothing.
        """
        ...
