"""The tables by kind, a line each."""

from __future__ import annotations

from typing import Final, TypeVar, cast

from google.protobuf.message import Message

from cluster.apiserver.tables.event import EventPrinter
from cluster.apiserver.tables.interface import Printer
from cluster.apiserver.tables.node import NodePrinter
from cluster.apiserver.tables.pod import PodPrinter
from cluster.apiserver.tables.replication_controller import ReplicationControllerPrinter
from cluster.apiserver.tables.simple import LeasePrinter, NamespacePrinter, PlainPrinter
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core.v1_pb2 import Event, Namespace, Node, Pod, ReplicationController

M = TypeVar("M", bound=Message)


def _for(message: type[M], printer: Printer[M]) -> tuple[type[Message], Printer[Message]]:
    """Forget the kind: a printer is only handed messages of the class it stands beside."""
    return message, cast("Printer[Message]", printer)


PRINTERS: Final[dict[type[Message], Printer[Message]]] = dict(
    (
        _for(Pod, PodPrinter()),
        _for(Node, NodePrinter()),
        _for(ReplicationController, ReplicationControllerPrinter()),
        _for(Namespace, NamespacePrinter()),
        _for(Event, EventPrinter()),
        _for(Lease, LeasePrinter()),
    )
)
PLAIN: Final = PlainPrinter()
