"""What a filter and a score are.

Both must be pure functions of the needs and the node's state, and nothing else: the decision keeps
their verdict on a node until that node changes (see ``decision``).
"""

from __future__ import annotations

from typing import Final, Protocol

from cluster.scheduler.state import Needs, NodeState

MAX_SCORE: Final = 100


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
