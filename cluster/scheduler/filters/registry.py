"""The filters by name, in the order in which they are asked; the first refusal ends it."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.filters.claims import Claims
from cluster.scheduler.filters.disk_conflict import DiskConflict
from cluster.scheduler.filters.host_ports import HostPorts
from cluster.scheduler.filters.node_affinity import NodeAffinity
from cluster.scheduler.filters.node_ready import NodeReady
from cluster.scheduler.filters.node_selector import NodeSelector
from cluster.scheduler.filters.pressure import Pressure
from cluster.scheduler.filters.resources import Resources
from cluster.scheduler.filters.taints import Taints
from cluster.scheduler.filters.volume_limits import VolumeLimits
from cluster.scheduler.filters.volume_zone import VolumeZone
from cluster.scheduler.plugins import Filter

FILTERS: Final[dict[str, Filter]] = {
    "claims": Claims(),
    "node-ready": NodeReady(),
    "taints": Taints(),
    "pressure": Pressure(),
    "node-selector": NodeSelector(),
    "node-affinity": NodeAffinity(),
    "host-ports": HostPorts(),
    "resources": Resources(),
    "disk-conflict": DiskConflict(),
    "volume-limits": VolumeLimits(),
    "volume-zone": VolumeZone(),
}
