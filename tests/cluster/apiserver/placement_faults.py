"""Pod specs with a fault outside their containers, and what they are refused for."""

from __future__ import annotations

from typing import Final

from tests.cluster.apiserver.container_faults import C, Problem, invalid, required, with_volume
from tests.cluster.apiserver.serving import Json

VOLUMES: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "two-sources": (
        with_volume(emptyDir={}, configMap={"name": "m"}),
        [
            (
                "spec.volumes[0].configMap",
                "Forbidden: may not specify more than 1 volume type",
            )
        ],
    ),
    "no-claim": (
        with_volume(persistentVolumeClaim={}),
        [required("spec.volumes[0].persistentVolumeClaim.claimName")],
    ),
    "host-path": (
        with_volume(hostPath={"path": "/a/../b", "type": "Pipe"}),
        [
            invalid("spec.volumes[0].hostPath.path", "/a/../b", "must not contain '..'"),
            (
                "spec.volumes[0].hostPath.type",
                'Unsupported value: "Pipe": supported values: "", "BlockDevice", "CharDevice", '
                '"Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
            ),
        ],
    ),
    "secret-items": (
        with_volume(secret={"secretName": "s", "items": [{"key": "k", "path": "/a", "mode": 512}]}),
        [
            invalid("spec.volumes[0].secret.items[0].path", "/a", "must be a relative path"),
            invalid(
                "spec.volumes[0].secret.items[0].mode",
                512,
                "must be a number between 0 and 0777 (octal), both inclusive",
            ),
        ],
    ),
    "empty-dir-limit": (
        with_volume(emptyDir={"sizeLimit": "-1"}),
        [
            (
                "spec.volumes[0].emptyDir.sizeLimit",
                "Forbidden: SizeLimit field must be a valid resource quantity",
            )
        ],
    ),
    "downward-field": (
        with_volume(
            downwardAPI={"items": [{"path": "p", "fieldRef": {"fieldPath": "status.podIP"}}]}
        ),
        [
            (
                "spec.volumes[0].downwardAPI.fieldRef.fieldPath",
                'Unsupported value: "status.podIP": supported values: "metadata.annotations", '
                '"metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
            )
        ],
    ),
    "projected-twice": (
        with_volume(
            projected={
                "sources": [
                    {"configMap": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                    {"secret": {"name": "b", "items": [{"key": "k", "path": "p"}]}},
                ]
            }
        ),
        [invalid("spec.volumes[0].projected", "p", "conflicting duplicate paths")],
    ),
    "token-without-account": (
        with_volume(
            projected={"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}
        ),
        [
            invalid(
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds",
                60,
                "may not specify a duration less than 10 minutes",
            ),
            (
                "spec.volumes[0].projected.sources[0].serviceAccountToken",
                "Forbidden: must not be specified when serviceAccountName is not set",
            ),
        ],
    ),
    "ephemeral": (
        with_volume(ephemeral={"volumeClaimTemplate": {"spec": {}}}),
        [
            required(
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes",
                "at least 1 access mode is required",
            ),
            required("spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]"),
        ],
    ),
    "nfs": (
        with_volume(nfs={"path": "a"}),
        [
            required("spec.volumes[0].nfs.server"),
            invalid("spec.volumes[0].nfs.path", "a", "must be an absolute path"),
        ],
    ),
}

MOUNTS: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "same-path": (
        {"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]},
        [invalid(f"{C}.volumeMounts[1].mountPath", "/a", "must be unique")],
    ),
    "sub-path": (
        {
            "volumeMounts": [
                {"name": "v", "mountPath": "/a", "subPath": "/b", "subPathExpr": "../c"}
            ]
        },
        [
            invalid(f"{C}.volumeMounts.subPath", "/b", "must be a relative path"),
            invalid(
                f"{C}.volumeMounts[0].subPathExpr",
                "../c",
                "subPathExpr and subPath are mutually exclusive",
            ),
            invalid(f"{C}.volumeMounts.subPathExpr", "../c", "must not contain '..'"),
        ],
    ),
    "propagation": (
        {"volumeMounts": [{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}]},
        [
            (
                f"{C}.volumeMounts.mountPropagation",
                "Forbidden: Bidirectional mount propagation is available only to privileged "
                "containers",
            )
        ],
    ),
    "read-only-depth": (
        {"volumeMounts": [{"name": "v", "mountPath": "/a", "recursiveReadOnly": "Enabled"}]},
        [
            (
                f"{C}.volumeMounts.recursiveReadOnly",
                "Forbidden: may only be specified when readOnly is true",
            )
        ],
    ),
    "device": (
        {"volumeDevices": [{"name": "v", "devicePath": "/dev/../a"}]},
        [
            invalid(
                f"{C}.volumeDevices[0].devicePath",
                "/dev/../a",
                "can not contain backsteps ('..')",
            ),
            invalid(
                f"{C}.volumeDevices[0].name",
                "v",
                "can only use volume source type of PersistentVolumeClaim or Ephemeral for block "
                "mode",
            ),
        ],
    ),
}

_TERMS: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PLACEMENT: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "toleration-operator": (
        {"tolerations": [{"value": "v"}]},
        [
            invalid(
                "spec.tolerations[0].operator",
                "",
                "operator must be Exists when `key` is empty, which means "
                '"match all values and all keys"',
            )
        ],
    ),
    "toleration-seconds": (
        {"tolerations": [{"key": "k", "effect": "NoSchedule", "tolerationSeconds": 1}]},
        [
            invalid(
                "spec.tolerations[0].effect",
                "NoSchedule",
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            )
        ],
    ),
    "toleration-effect": (
        {"tolerations": [{"key": "k", "operator": "Exists", "effect": "Away"}]},
        [
            (
                "spec.tolerations[0].effect",
                'Unsupported value: "Away": supported values: "NoSchedule", "PreferNoSchedule", '
                '"NoExecute"',
            )
        ],
    ),
    "node-terms": (
        {"affinity": {"nodeAffinity": {_TERMS: {"nodeSelectorTerms": []}}}},
        [
            required(
                f"spec.affinity.nodeAffinity.{_TERMS}.nodeSelectorTerms",
                "must have at least one node selector term",
            )
        ],
    ),
    "node-operator": (
        {
            "affinity": {
                "nodeAffinity": {
                    _TERMS: {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "k", "operator": "Gt", "values": []}]}
                        ]
                    }
                }
            }
        },
        [
            required(
                f"spec.affinity.nodeAffinity.{_TERMS}.nodeSelectorTerms[0]"
                ".matchExpressions[0].values",
                "must be specified single value when `operator` is 'Lt' or 'Gt'",
            )
        ],
    ),
    "pod-topology": (
        {"affinity": {"podAntiAffinity": {_TERMS: [{"topologyKey": "a b"}]}}},
        [
            invalid(
                f"spec.affinity.podAntiAffinity.{_TERMS}[0].topologyKey",
                "a b",
                "name part must consist of alphanumeric characters, '-', '_' or '.', and must "
                "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
                "'123-abc', regex used for validation is "
                "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            )
        ],
    ),
    "spread": (
        {
            "topologySpreadConstraints": [
                {"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "Wait"}
            ]
        },
        [
            invalid("spec.topologySpreadConstraints[0].maxSkew", 0, "must be greater than zero"),
            (
                "spec.topologySpreadConstraints[0].whenUnsatisfiable",
                'Unsupported value: "Wait": supported values: "DoNotSchedule", "ScheduleAnyway"',
            ),
        ],
    ),
    "dns-none": (
        {"dnsPolicy": "None"},
        [required("spec.dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None")],
    ),
    "dns-server": (
        {"dnsConfig": {"nameservers": ["one"]}},
        [
            invalid(
                "spec.dnsConfig.nameservers[0]",
                "one",
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            )
        ],
    ),
    "deadline": (
        {"activeDeadlineSeconds": 0},
        [invalid("spec.activeDeadlineSeconds", 0, "must be between 1 and 2147483647, inclusive")],
    ),
    "host-network-port": (
        {
            "hostNetwork": True,
            "containers": [
                {"name": "c", "image": "i:1", "ports": [{"containerPort": 1, "hostPort": 2}]}
            ],
        },
        [
            invalid(
                f"{C}.ports[0].containerPort",
                1,
                "must match `hostPort` when `hostNetwork` is true",
            )
        ],
    ),
    "gated-and-bound": (
        {"nodeName": "n", "schedulingGates": [{"name": "x.io/g"}]},
        [
            (
                "spec.nodeName",
                "Forbidden: cannot be set until all schedulingGates have been cleared",
            )
        ],
    ),
    "system": (
        {"os": {"name": "plan9"}},
        [("spec.os.name", 'Unsupported value: "plan9": supported values: "linux", "windows"')],
    ),
    "ephemeral": (
        {"ephemeralContainers": [{"name": "d", "image": "i:1"}]},
        [("spec.ephemeralContainers", "Forbidden: cannot be set on create")],
    ),
}
