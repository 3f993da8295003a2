"""Cells that no recorded table shows: rows as data, straight from the printers."""

from __future__ import annotations

from typing import Final

import pytest
from google.protobuf.message import Message

from cluster.apiserver.tables.interface import Cell
from cluster.apiserver.tables.registry import PRINTERS
from serialization.api.apps.v1_pb2 import ReplicaSet
from serialization.api.core.v1_pb2 import (
    Endpoints,
    PersistentVolume,
    PersistentVolumeClaim,
    ResourceQuota,
    Service,
)
from serialization.api.discovery.v1_pb2 import EndpointSlice
from tests.cluster.apiserver.serving import NOW

LOADED: Final = {"loadBalancer": {"ingress": [{"hostname": "b.example"}, {"ip": "1.2.3.4"}]}}
DELETED: Final = {"deletionTimestamp": {"seconds": 1}}
SIZE: Final = {"storage": {"string": "1Gi"}}


def cell(obj: Message, column: str) -> Cell:
    """Return what stands in a column."""
    printer = PRINTERS[type(obj)]
    names = [each.name for each in printer.columns]
    return printer.cells(obj, NOW)[names.index(column)]


@pytest.mark.parametrize(
    ("message", "fields", "column", "expected"),
    [
        (Service, {"spec": {"type": "LoadBalancer"}}, "External-IP", "<pending>"),
        (
            Service,
            {"spec": {"type": "LoadBalancer", "externalIPs": ["5.6.7.8"]}, "status": LOADED},
            "External-IP",
            "1.2.3.4,b.example,5.6.7.8",
        ),
        (
            Service,
            {"spec": {"type": "NodePort", "externalIPs": ["5.6.7.8"]}},
            "External-IP",
            "5.6.7.8",
        ),
        (Service, {"spec": {"type": "Other"}}, "External-IP", "<unknown>"),
        (
            Endpoints,
            {"subsets": [{"addresses": [{"ip": "2001:db8::1"}], "ports": [{"port": 80}]}]},
            "Endpoints",
            "[2001:db8::1]:80",
        ),
        (
            Endpoints,
            {"subsets": [{"addresses": [{"ip": f"10.0.0.{n}"} for n in range(5)]}]},
            "Endpoints",
            "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more...",
        ),
        (
            Endpoints,
            {"subsets": [{"notReadyAddresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]},
            "Endpoints",
            "",
        ),
        (EndpointSlice, {"ports": [{"protocol": "TCP"}]}, "Ports", "*"),
        (
            EndpointSlice,
            {"ports": [{"port": n} for n in range(1, 6)]},
            "Ports",
            "1,2,3 + 2 more...",
        ),
        (
            PersistentVolume,
            {"metadata": DELETED, "status": {"phase": "Bound"}},
            "Status",
            "Terminating",
        ),
        (
            PersistentVolume,
            {
                "metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "old"}},
                "spec": {"storageClassName": "new"},
            },
            "StorageClass",
            "old",
        ),
        (
            PersistentVolume,
            {"spec": {"volumeAttributesClassName": "gold"}},
            "VolumeAttributesClass",
            "gold",
        ),
        (
            PersistentVolumeClaim,
            {"status": {"capacity": SIZE, "accessModes": ["ReadWriteOnce"]}},
            "Capacity",
            "",
        ),
        (
            PersistentVolumeClaim,
            {"spec": {"volumeName": "v"}, "status": {"capacity": SIZE}},
            "Capacity",
            "1Gi",
        ),
        (
            ResourceQuota,
            {"status": {"hard": {"limits.cpu": {"string": "2"}, "pods": {"string": "5"}}}},
            "Limit",
            "limits.cpu: 0/2",
        ),
        (
            ReplicaSet,
            {
                "spec": {
                    "selector": {"matchExpressions": [{"key": "a", "operator": "Like"}]},
                }
            },
            "Selector",
            "<error>",
        ),
        (ReplicaSet, {}, "Selector", "<none>"),
    ],
)
def test_cell_tells(
    message: type[Message], fields: dict[str, object], column: str, expected: str
) -> None:
    assert cell(message(**fields), column) == expected
