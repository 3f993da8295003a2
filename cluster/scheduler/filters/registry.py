"""The filters by name, in the order in which they are asked; the first refusal ends it."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.filters.node_ready import NodeReady
from cluster.scheduler.filters.node_selector import NodeSelector
from cluster.scheduler.filters.resources import Resources
from cluster.scheduler.plugins import Filter

FILTERS: Final[dict[str, Filter]] = {
    "node-ready": NodeReady(),
    "node-selector": NodeSelector(),
    "resources": Resources(),
}
