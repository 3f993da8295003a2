"""How resource quotas are shown."""

from __future__ import annotations

from datetime import datetime

from cluster.apiserver.tables.interface import AGE, NAME, Cell, Column, age
from serialization.api.core.v1_pb2 import ResourceQuota


class ResourceQuotaPrinter:
    """Name, used and hard of requests and counts, used and hard of limits, age."""

    columns = (NAME, Column("Request"), Column("Limit"), AGE)

    def cells(self, obj: ResourceQuota, now: datetime) -> list[Cell]:
        hard, used = obj.status.hard, obj.status.used
        requests: list[str] = []
        limits: list[str] = []
        for name in sorted(hard):
            spent = used[name].string if name in used else "0"
            told = limits if name.startswith("limits") else requests
            told.append(f"{name}: {spent}/{hard[name].string}")
        return [
            obj.metadata.name,
            ", ".join(requests),
            ", ".join(limits),
            age(obj.metadata.creationTimestamp, now),
        ]
