"""How kinds with little to show are shown, and whatever has no table of its own."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.message import Message

from cluster.apiserver.tables.interface import AGE, NAME, Cell, Column, age
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core.v1_pb2 import ConfigMap, Namespace, Secret, ServiceAccount
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


class ConfigMapPrinter:
    """Name, number of keys, age."""

    columns = (NAME, Column("Data"), AGE)

    def cells(self, obj: ConfigMap, now: datetime) -> list[Cell]:
        meta = obj.metadata
        return [meta.name, len(obj.data) + len(obj.binaryData), age(meta.creationTimestamp, now)]


class SecretPrinter:
    """Name, type, number of keys, age."""

    columns = (NAME, Column("Type"), Column("Data"), AGE)

    def cells(self, obj: Secret, now: datetime) -> list[Cell]:
        meta = obj.metadata
        return [meta.name, obj.type, len(obj.data), age(meta.creationTimestamp, now)]


class ServiceAccountPrinter:
    """Name, age."""

    columns = (NAME, AGE)

    def cells(self, obj: ServiceAccount, now: datetime) -> list[Cell]:
        return [obj.metadata.name, age(obj.metadata.creationTimestamp, now)]


class PlainPrinter:
    """Name and time of creation: any kind."""

    columns = (NAME, Column("Created At", "date"))

    def cells(self, obj: Message, now: datetime) -> list[Cell]:
        meta = metadata_of(obj)
        made = datetime.fromtimestamp(meta.creationTimestamp.seconds, UTC)
        return [meta.name, made.strftime("%Y-%m-%dT%H:%M:%SZ")]
