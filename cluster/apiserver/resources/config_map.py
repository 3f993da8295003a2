"""ConfigMaps."""

from __future__ import annotations

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import ConfigMap
from serialization.kinds import CONFIG_MAPS


class ConfigMapStrategy(Strategy[ConfigMap]):
    """Text and bytes under keys."""

    resource = CONFIG_MAPS
