"""Disk conflict: a network disk is attached to a node once, unless all only read it."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.state import Needs, NodeState

CONFLICT: Final = "node(s) had no available disk"


class DiskConflict:
    """GCE, RBD and iSCSI disks may be shared by readers, EBS volumes by nobody."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        wanted = needs.rest.disks
        if not wanted:
            return ()
        attached = (disk for pod in node.pods.values() for disk in pod.rest.disks)
        if any(disk.clashes(each) for disk in attached for each in wanted):
            return (CONFLICT,)
        return ()
