"""Volumes' zones: the volumes of a pod's claims must be where its node is."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.state import Needs, NodeState

NO_ZONE: Final = "node(s) had no available volume zone"
NO_AFFINITY: Final = "node(s) had volume node affinity conflict"


class VolumeZone:
    """Zone and region labels of the bound volumes, and their node affinity.

    A node without any such label takes every volume: its cluster has no zones.
    """

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        rest, facts = needs.rest, node.facts
        if facts.zone and any(facts.labels.get(key) not in values for key, values in rest.zones):
            return (NO_ZONE,)
        for terms in rest.volume_terms:
            if not any(term.matches(facts.name, facts.labels) for term in terms):
                return (NO_AFFINITY,)
        return ()
