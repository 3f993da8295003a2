"""Volume limits: how many distinct network disks of a kind one node can have attached."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.state import Needs, NodeState

TOO_MANY: Final = "node(s) exceed max volume count"

LIMITS: Final = {"ebs": 39, "gce": 16}
"""Kubernetes' own: MaxEBSVolumeCount (40 less the root's) and MaxGCEPDVolumeCount."""


class VolumeLimits:
    """Counts distinct disks, the pod's own among them."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        if not needs.rest.disks:
            return ()
        for kind, limit in LIMITS.items():
            wanted = {disk.identity for disk in needs.rest.disks if disk.kind == kind}
            if not wanted:
                continue
            attached = {
                disk.identity
                for pod in node.pods.values()
                for disk in pod.rest.disks
                if disk.kind == kind
            }
            if len(attached | wanted) > limit:
                return (TOO_MANY,)
        return ()
