"""Which values a text field takes, and which fields without omitempty may be left out all the same.

Facts of Kubernetes' published API that its field tables do not tell; ``kubectl explain`` shows
them. Validation has its own rules and words (``cluster.apiserver.resources``).
"""

from __future__ import annotations

from typing import Final

_PULL: Final = ("Always", "IfNotPresent", "Never")
_MESSAGES: Final = ("FallbackToLogsOnError", "File")
_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_PROFILES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_VOLUME_MODES: Final = ("Block", "Filesystem")
_EFFECTS: Final = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_HONOR: Final = ("Honor", "Ignore")
_LOCALITIES: Final = ("Cluster", "Local")

VALUES: Final[dict[str, tuple[str, ...]]] = {
    "apps.v1.DeploymentStrategy.type": ("Recreate", "RollingUpdate"),
    "core.v1.AppArmorProfile.type": _PROFILES,
    "core.v1.AzureDiskVolumeSource.cachingMode": ("None", "ReadOnly", "ReadWrite"),
    "core.v1.AzureDiskVolumeSource.kind": ("Dedicated", "Managed", "Shared"),
    "core.v1.Container.imagePullPolicy": _PULL,
    "core.v1.Container.terminationMessagePolicy": _MESSAGES,
    "core.v1.ContainerPort.protocol": _PROTOCOLS,
    "core.v1.EndpointPort.protocol": _PROTOCOLS,
    "core.v1.EphemeralContainer.imagePullPolicy": _PULL,
    "core.v1.EphemeralContainer.terminationMessagePolicy": _MESSAGES,
    "core.v1.HTTPGetAction.scheme": ("HTTP", "HTTPS"),
    "core.v1.HostPathVolumeSource.type": (
        *("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate"),
        *("File", "FileOrCreate", "Socket"),
    ),
    "core.v1.ImageVolumeSource.pullPolicy": _PULL,
    "core.v1.NamespaceStatus.phase": ("Active", "Terminating"),
    "core.v1.NodeSelectorRequirement.operator": (
        *("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"),
    ),
    "core.v1.PersistentVolumeClaimSpec.accessModes": _MODES,
    "core.v1.PersistentVolumeClaimSpec.volumeMode": _VOLUME_MODES,
    "core.v1.PersistentVolumeClaimStatus.phase": ("Bound", "Lost", "Pending"),
    "core.v1.PersistentVolumeSpec.accessModes": _MODES,
    "core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy": ("Delete", "Recycle", "Retain"),
    "core.v1.PersistentVolumeSpec.volumeMode": _VOLUME_MODES,
    "core.v1.PodSecurityContext.fsGroupChangePolicy": ("Always", "OnRootMismatch"),
    "core.v1.PodSecurityContext.supplementalGroupsPolicy": ("Merge", "Strict"),
    "core.v1.PodSpec.dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "core.v1.PodSpec.preemptionPolicy": ("Never", "PreemptLowerPriority"),
    "core.v1.PodSpec.restartPolicy": ("Always", "Never", "OnFailure"),
    "core.v1.PodStatus.phase": ("Failed", "Pending", "Running", "Succeeded", "Unknown"),
    "core.v1.PodStatus.qosClass": ("BestEffort", "Burstable", "Guaranteed"),
    "core.v1.SeccompProfile.type": _PROFILES,
    "core.v1.SecurityContext.procMount": ("Default", "Unmasked"),
    "core.v1.ServicePort.protocol": _PROTOCOLS,
    "core.v1.ServiceSpec.externalTrafficPolicy": _LOCALITIES,
    "core.v1.ServiceSpec.internalTrafficPolicy": _LOCALITIES,
    "core.v1.ServiceSpec.sessionAffinity": ("ClientIP", "None"),
    "core.v1.ServiceSpec.type": ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
    "core.v1.Taint.effect": _EFFECTS,
    "core.v1.Toleration.effect": _EFFECTS,
    "core.v1.Toleration.operator": ("Equal", "Exists"),
    "core.v1.TopologySpreadConstraint.nodeAffinityPolicy": _HONOR,
    "core.v1.TopologySpreadConstraint.nodeTaintsPolicy": _HONOR,
    "core.v1.TopologySpreadConstraint.whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
    "core.v1.VolumeMount.mountPropagation": ("Bidirectional", "HostToContainer", "None"),
    "discovery.v1.EndpointSlice.addressType": ("FQDN", "IPv4", "IPv6"),
}
"""The values of a text, or of each text of a list, by ``GROUP.VERSION.MESSAGE.FIELD``, sorted."""

OPTIONAL: Final = frozenset(
    (
        "core.v1.GRPCAction.service",
        "core.v1.ProjectedVolumeSource.sources",
        "core.v1.TypedLocalObjectReference.apiGroup",
        "core.v1.TypedObjectReference.apiGroup",
        "discovery.v1.EndpointSlice.ports",
    )
)
"""Fields that are always written, but need not be given."""
