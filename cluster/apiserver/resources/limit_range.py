"""Limit ranges."""

from __future__ import annotations

from cluster.apiserver.resources.interface import Strategy
from serialization.api.core.v1_pb2 import LimitRange
from serialization.kinds import LIMIT_RANGES


class LimitRangeStrategy(Strategy[LimitRange]):
    """What pods, containers and claims of a namespace may ask for; nothing enforces it yet."""

    resource = LIMIT_RANGES

    def default(self, obj: LimitRange) -> None:
        obj.spec.SetInParent()
        for item in obj.spec.limits:
            if item.type != "Container":
                continue
            for source, target in (
                (item.max, item.default),
                (item.default, item.defaultRequest),
                (item.min, item.defaultRequest),
            ):
                for name in sorted(source):
                    if name not in target:
                        target[name].CopyFrom(source[name])
