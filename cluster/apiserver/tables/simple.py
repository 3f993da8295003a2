"""How kinds with little to show are shown: namespaces, leases, and whatever has no own table."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.message import Message

from cluster.apiserver.tables.interface import AGE, NAME, Cell, Column, age
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core.v1_pb2 import Namespace
from serialization.scheme import metadata_of


class NamespacePrinter:
    """Name, phase, age."""

    columns = (NAME, Column("Status"), AGE)

    def cells(self, obj: Namespace, now: datetime) -> list[Cell]:
        meta = obj.metadata
        return [meta.name, obj.status.phase, age(meta.creationTimestamp, now)]


class LeasePrinter:
    """Name, holder, age."""

    columns = (NAME, Column("Holder"), AGE)

    def cells(self, obj: Lease, now: datetime) -> list[Cell]:
        meta = obj.metadata
        return [meta.name, obj.spec.holderIdentity, age(meta.creationTimestamp, now)]


class PlainPrinter:
    """Name and time of creation: any kind."""

    columns = (NAME, Column("Created At", "date"))

    def cells(self, obj: Message, now: datetime) -> list[Cell]:
        meta = metadata_of(obj)
        made = datetime.fromtimestamp(meta.creationTimestamp.seconds, UTC)
        return [meta.name, made.strftime("%Y-%m-%dT%H:%M:%SZ")]
