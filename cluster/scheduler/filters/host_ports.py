"""Host ports: what a pod takes on its node must not be taken there."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.state import Needs, NodeState

TAKEN: Final = "node(s) didn't have free ports for the requested pod ports"


class HostPorts:
    """Protocol and port, on the same address or on all. Looks at pods only where one asks."""

    def reasons(self, needs: Needs, node: NodeState) -> tuple[str, ...]:
        wanted = needs.rest.ports
        if not wanted:
            return ()
        taken = (port for pod in node.pods.values() for port in pod.rest.ports)
        if any(port.clashes(each) for port in taken for each in wanted):
            return (TAKEN,)
        return ()
