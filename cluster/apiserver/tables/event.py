"""How events are shown."""

from __future__ import annotations

from datetime import datetime

from cluster.apiserver.tables.interface import UNKNOWN, Cell, Column, age
from serialization.api.core.v1_pb2 import Event
from serialization.api.meta.v1_pb2 import Time


class EventPrinter:
    """When, what sort, why, about what; wide: by whom and how often."""

    columns = (
        Column("Last Seen"),
        Column("Type"),
        Column("Reason"),
        Column("Object"),
        Column("Subobject", priority=1),
        Column("Source", priority=1),
        Column("Message"),
        Column("First Seen", priority=1),
        Column("Count", priority=1),
        Column("Name", format="name", priority=1),
    )

    def cells(self, obj: Event, now: datetime) -> list[Cell]:
        first, last = obj.firstTimestamp, obj.lastTimestamp
        if not first.seconds and obj.eventTime.seconds:
            first = Time(seconds=obj.eventTime.seconds)
        if obj.series.lastObservedTime.seconds:
            last = Time(seconds=obj.series.lastObservedTime.seconds)
        elif not last.seconds:
            last = first
        involved = obj.involvedObject
        about = f"{involved.kind.lower()}/{involved.name}" if involved.kind else involved.name
        return [
            age(last, now) if last.seconds else UNKNOWN,
            obj.type,
            obj.reason,
            about,
            involved.fieldPath,
            _source(obj),
            obj.message.strip(),
            age(first, now) if first.seconds else UNKNOWN,
            obj.series.count or obj.count or 1,
            obj.metadata.name,
        ]


def _source(event: Event) -> str:
    component = event.source.component or event.reportingComponent
    host = event.source.host or event.reportingInstance
    return f"{component}, {host}" if host else component
