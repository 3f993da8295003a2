"""What random requests are made of: what is right, what is wrong, and what stands at the edges."""

from __future__ import annotations

from typing import Final

PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
NAMES: Final = ("a", "b", "default", "kube-system")
TEXTS: Final = (
    "", "a", "b", "0", "-1", "1", "default", "None", "10.96.0.1", "::1", "a=b", "a.b/c", "A", "é",
    "\0", "\r\nX: y", "100m", "1Gi", "1e9", "-5", "Always", "TCP", "ClusterIP", "NodePort", "/",
    "..", "%2F", "x" * 300, "true", "null", "Foreground", "2026-01-02T03:04:05Z", "\uffff", "💥",
    "50%",
)  # fmt: skip
NUMBERS: Final = (0, 1, -1, 2, 5, 80, 443, 65535, 65536, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63))
LEAVES: Final[tuple[object, ...]] = (
    None, True, False, 0, -1, 1.5, 10**30, 1e300, "", "a", "é", [], {}, [None], [[]], {"": None},
    {"$patch": "delete"}, {"$patch": "replace"}, {"$retainKeys": ["a"]}, [{"$patch": "x"}],
)  # fmt: skip
QUERIES: Final[dict[str, tuple[str, ...]]] = {
    "resourceVersion": ("0", "1", "7", "x", "-1", "9" * 30, "1000"),
    "resourceVersionMatch": ("Exact", "NotOlderThan", "x"),
    "limit": ("0", "1", "2", "-1", "x", "9" * 30),
    "continue": (
        "",
        "x",
        "e30",
        "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Mywic3RhcnQiOiIvYVx1MDAwMCJ9",
    ),
    "labelSelector": ("a=b", "a", "!a", "a in (b,c)", "a notin ()", "a in (", ",", "a=é", "a>1"),
    "fieldSelector": ("metadata.name=a", "spec.nodeName=a", "x=y", "a", "=", "metadata.name!=a"),
    "watch": ("1", "true", "0", "x"),
    "sendInitialEvents": ("true", "false"),
    "allowWatchBookmarks": ("true",),
    "timeoutSeconds": ("1", "0", "-1", "x"),
    "timeout": ("1s", "x", "1h1m", "0"),
    "dryRun": ("All", "x", ""),
    "fieldValidation": ("Strict", "Warn", "Ignore", "x"),
    "fieldManager": ("m", "\0", "x" * 129),
    "force": ("true",),
    "gracePeriodSeconds": ("0", "1", "-1", "x", str(2**63 - 1), "9" * 30),
    "propagationPolicy": ("Orphan", "Foreground", "Background", "x"),
    "orphanDependents": ("true", "false"),
    "includeObject": ("None", "Metadata", "Object", "x"),
    "container": ("a", "c", "é"),
    "tailLines": ("1", "-1", "x"),
    "sinceTime": ("x", "2026-01-02T03:04:05Z"),
    "pretty": ("1",),
}
ACCEPTED: Final = (
    "", "*/*", "application/json", PROTOBUF, "application/yaml", "text/plain",
    "application/*;q=0.1",    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    f"{PROTOBUF};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
    f"{PROTOBUF};stream=watch", "application/json;q=x", ";", ",,", "é", "application/json;as=Table",
)  # fmt: skip
PATCHES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_TEMPLATE: Final = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
SOUND: Final[dict[str, dict[str, object]]] = {
    "Pod": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
    "ReplicationController": {"spec": {"replicas": 1, "template": _TEMPLATE}},
    "ReplicaSet": {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": _TEMPLATE}},
    "Event": {"involvedObject": {"namespace": "default", "kind": "Pod", "name": "a"}},
    "Lease": {"spec": {"holderIdentity": "a", "leaseDurationSeconds": 5}},
    "Service": {"spec": {"ports": [{"port": 80, "name": "a"}], "selector": {"a": "b"}}},
    "EndpointSlice": {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}]},
    "PersistentVolume": {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/a"},
        }
    },
    "PersistentVolumeClaim": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}
    },
    "Binding": {"target": {"kind": "Node", "name": "a"}},
}
"""What the kinds need to be stored at all."""
METHODS: Final = ("GET", "GET", "POST", "POST", "PUT", "PUT", "PATCH", "PATCH", "DELETE", "DELETE")
ODD_METHODS: Final = ("HEAD", "OPTIONS", "TRACE", "get", "X")
ODD_PATHS: Final = (
    "*", "/", "//", "/api", "/api/", "/api//", "/apis//", "/api/v1/", "/api/v1//", "/apis/a/b/c",
    "/x", "/apis/apps/v1/", "/api/v1/namespaces//pods/a", "/api/v1/watch",
    "/api/v1/watch/watch/pods",
    "/metrics", "/version", "/healthz/x", "/openapi/v3", "/openapi/v2",
    "/api/v1/namespaces/a/b/c/d",
)  # fmt: skip
POINTERS: Final = (
    "", "/", "/metadata", "/metadata/name", "/metadata/labels/a", "/metadata/resourceVersion",
    "/spec", "/spec/containers/0", "/spec/containers/-", "/spec/containers/-1/image", "/status",
    "/kind",
    "/metadata/finalizers", "/metadata/ownerReferences/0", "x", "/spec/~2", "/metadata/x/y",
    "/data/a",
)  # fmt: skip
