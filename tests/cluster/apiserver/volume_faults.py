"""Volumes and claims with a fault, and what they are refused for; and changes that they refuse."""

from __future__ import annotations

from typing import Final

from tests.cluster.apiserver.container_faults import Problem, invalid, required
from tests.cluster.apiserver.service_faults import unsupported
from tests.cluster.apiserver.serving import Json, JsonValue

FIXED: Final = (
    "Forbidden: spec is immutable after creation except resources.requests and "
    "volumeAttributesClassName for bound claims"
)
MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
TAKEN_BACK: Final = "Forbidden: field can not be less than status.capacity"


def volume(**fields: JsonValue) -> Json:
    """Return a volume on a node's disk."""
    return {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/d"},
            **fields,
        }
    }


def claim(size: str = "1Gi", **fields: JsonValue) -> Json:
    """Return a claim."""
    return {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            **fields,
        }
    }


OBJECTS: Final[dict[str, dict[str, tuple[Json, list[Problem]]]]] = {
    "persistentvolumes": {
        "nothing": (
            {"spec": {}},
            [
                required("spec.accessModes"),
                required("spec.capacity"),
                ("spec.capacity", 'Unsupported value: {}: supported values: "storage"'),
                required("spec", "must specify a volume type"),
            ],
        ),
        "mode": (
            volume(accessModes=["X"]),
            [unsupported("spec.accessModes", "X", *MODES)],
        ),
        "mode that stands alone": (
            volume(accessModes=["ReadWriteOncePod", "ReadOnlyMany"]),
            [
                (
                    "spec.accessModes",
                    "Forbidden: may not use ReadWriteOncePod with other access modes",
                )
            ],
        ),
        "size": (
            volume(capacity={"storage": "0"}),
            [invalid("spec.capacity[storage]", "0", "must be greater than zero")],
        ),
        "policy": (
            volume(persistentVolumeReclaimPolicy="Keep"),
            [
                unsupported(
                    "spec.persistentVolumeReclaimPolicy", "Keep", "Delete", "Recycle", "Retain"
                )
            ],
        ),
        "two sources": (
            volume(nfs={"server": "a", "path": "/b"}),
            [("spec.nfs", "Forbidden: may not specify more than 1 volume type")],
        ),
        "incomplete source": (
            {
                "spec": {
                    "capacity": {"storage": "1"},
                    "accessModes": ["ReadWriteOnce"],
                    "csi": {"driver": "a.example"},
                }
            },
            [required("spec.csi.volumeHandle")],
        ),
        "local without a place": (
            {
                "spec": {
                    "capacity": {"storage": "1"},
                    "accessModes": ["ReadWriteOnce"],
                    "local": {"path": "/a"},
                }
            },
            [required("spec.nodeAffinity", "Local volume requires node affinity")],
        ),
        "recycling of everything": (
            volume(hostPath={"path": "/"}, persistentVolumeReclaimPolicy="Recycle"),
            [
                (
                    "spec.persistentVolumeReclaimPolicy",
                    "Forbidden: may not be 'recycle' for a hostPath mount of '/'",
                )
            ],
        ),
        "volume mode": (
            volume(volumeMode="Tape"),
            [unsupported("spec.volumeMode", "Tape", "Block", "Filesystem")],
        ),
        "no nodes": (
            volume(nodeAffinity={"required": {"nodeSelectorTerms": []}}),
            [
                required(
                    "spec.nodeAffinity.required.nodeSelectorTerms",
                    "must have at least one node selector term",
                )
            ],
        ),
    },
    "persistentvolumeclaims": {
        "nothing": (
            {"spec": {}},
            [
                required("spec.accessModes", "at least 1 access mode is required"),
                required("spec.resources[storage]"),
            ],
        ),
        "size": (
            claim("0"),
            [invalid("spec.resources[storage]", "0", "must be greater than zero")],
        ),
        "source": (
            claim(dataSource={"kind": "Thing", "name": "a"}),
            [
                invalid(
                    "spec.dataSourceRef",
                    "Thing",
                    "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
                )
            ],
        ),
    },
}

CHANGES: Final[dict[str, dict[str, tuple[Json, Json, list[Problem]]]]] = {
    "persistentvolumes": {
        "source": (
            volume(),
            volume(hostPath={"path": "/e"}),
            [
                (
                    "spec.persistentvolumesource",
                    "Forbidden: spec.persistentvolumesource is immutable after creation",
                )
            ],
        ),
        "volume mode": (
            volume(),
            volume(volumeMode="Block"),
            [invalid("volumeMode", "Block", "field is immutable")],
        ),
    },
    "persistentvolumeclaims": {
        "spec": (claim(), claim(accessModes=["ReadOnlyMany"]), [("spec", FIXED)]),
        "size of one that is not bound": (claim(), claim("2Gi"), [("spec", FIXED)]),
        "less": (
            claim(),
            claim("1Mi"),
            [("spec", FIXED), ("spec.resources.requests.storage", TAKEN_BACK)],
        ),
    },
}
