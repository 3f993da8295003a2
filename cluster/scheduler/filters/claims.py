"""Claims: no node will do for a pod whose volumes are not there yet."""

from __future__ import annotations

from cluster.scheduler.state import Needs, NodeState


class Claims:
    """A claim that is missing, going, or not bound."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        trouble = needs.rest.trouble
        return (trouble,) if trouble else ()
