"""The kinds that are known, one entry each. The API server chooses what it serves."""

from __future__ import annotations

from typing import Final

from serialization.api.apps import v1_pb2 as apps
from serialization.api.autoscaling import v1_pb2 as autoscaling
from serialization.api.batch import v1_pb2 as batch
from serialization.api.coordination import v1_pb2 as coordination
from serialization.api.core import v1_pb2 as core
from serialization.api.discovery import v1_pb2 as discovery
from serialization.api.networking import v1_pb2 as networking
from serialization.api.policy import v1_pb2 as policy
from serialization.api.rbac import v1_pb2 as rbac
from serialization.api.scheduling import v1_pb2 as scheduling
from serialization.api.storage import v1_pb2 as storage
from serialization.scheme import Resource, Scheme

SCHEME: Final = Scheme(
    (
        Resource(
            "",
            "v1",
            "Pod",
            "pods",
            core.Pod,
            core.PodList,
            "pods",
            short_names=("po",),
            categories=("all",),
            subresources=("binding", "log", "status"),
        ),
        Resource(
            "",
            "v1",
            "Node",
            "nodes",
            core.Node,
            core.NodeList,
            "minions",
            namespaced=False,
            short_names=("no",),
            subresources=("status",),
        ),
        Resource(
            "",
            "v1",
            "ReplicationController",
            "replicationcontrollers",
            core.ReplicationController,
            core.ReplicationControllerList,
            "controllers",
            short_names=("rc",),
            categories=("all",),
            subresources=("scale", "status"),
        ),
        Resource(
            "",
            "v1",
            "Namespace",
            "namespaces",
            core.Namespace,
            core.NamespaceList,
            "namespaces",
            namespaced=False,
            short_names=("ns",),
            subresources=("finalize", "status"),
        ),
        Resource(
            "", "v1", "Event", "events", core.Event, core.EventList, "events", short_names=("ev",)
        ),
        Resource("", "v1", "Binding", "bindings", core.Binding, None, "bindings"),
        Resource(
            "coordination.k8s.io",
            "v1",
            "Lease",
            "leases",
            coordination.Lease,
            coordination.LeaseList,
            "leases",
        ),
        Resource(
            "",
            "v1",
            "Service",
            "services",
            core.Service,
            core.ServiceList,
            "services/specs",
            short_names=("svc",),
            categories=("all",),
            subresources=("status",),
        ),
        Resource(
            "",
            "v1",
            "Endpoints",
            "endpoints",
            core.Endpoints,
            core.EndpointsList,
            "services/endpoints",
            short_names=("ep",),
        ),
        Resource(
            "",
            "v1",
            "ConfigMap",
            "configmaps",
            core.ConfigMap,
            core.ConfigMapList,
            "configmaps",
            short_names=("cm",),
        ),
        Resource("", "v1", "Secret", "secrets", core.Secret, core.SecretList, "secrets"),
        Resource(
            "",
            "v1",
            "ServiceAccount",
            "serviceaccounts",
            core.ServiceAccount,
            core.ServiceAccountList,
            "serviceaccounts",
            short_names=("sa",),
        ),
        Resource(
            "",
            "v1",
            "ResourceQuota",
            "resourcequotas",
            core.ResourceQuota,
            core.ResourceQuotaList,
            "resourcequotas",
            short_names=("quota",),
            subresources=("status",),
        ),
        Resource(
            "",
            "v1",
            "LimitRange",
            "limitranges",
            core.LimitRange,
            core.LimitRangeList,
            "limitranges",
            short_names=("limits",),
        ),
        Resource(
            "",
            "v1",
            "PersistentVolume",
            "persistentvolumes",
            core.PersistentVolume,
            core.PersistentVolumeList,
            "persistentvolumes",
            namespaced=False,
            short_names=("pv",),
            subresources=("status",),
        ),
        Resource(
            "",
            "v1",
            "PersistentVolumeClaim",
            "persistentvolumeclaims",
            core.PersistentVolumeClaim,
            core.PersistentVolumeClaimList,
            "persistentvolumeclaims",
            short_names=("pvc",),
            subresources=("status",),
        ),
        Resource(
            "apps",
            "v1",
            "ReplicaSet",
            "replicasets",
            apps.ReplicaSet,
            apps.ReplicaSetList,
            "replicasets",
            short_names=("rs",),
            categories=("all",),
            subresources=("scale", "status"),
        ),
        Resource(
            "apps",
            "v1",
            "Deployment",
            "deployments",
            apps.Deployment,
            apps.DeploymentList,
            "deployments",
            short_names=("deploy",),
            categories=("all",),
            subresources=("scale", "status"),
        ),
        Resource(
            "apps",
            "v1",
            "DaemonSet",
            "daemonsets",
            apps.DaemonSet,
            apps.DaemonSetList,
            "daemonsets",
            short_names=("ds",),
            categories=("all",),
            subresources=("status",),
        ),
        Resource(
            "apps",
            "v1",
            "StatefulSet",
            "statefulsets",
            apps.StatefulSet,
            apps.StatefulSetList,
            "statefulsets",
            short_names=("sts",),
            categories=("all",),
            subresources=("scale", "status"),
        ),
        Resource(
            "batch",
            "v1",
            "Job",
            "jobs",
            batch.Job,
            batch.JobList,
            "jobs",
            categories=("all",),
            subresources=("status",),
        ),
        Resource(
            "batch",
            "v1",
            "CronJob",
            "cronjobs",
            batch.CronJob,
            batch.CronJobList,
            "cronjobs",
            short_names=("cj",),
            categories=("all",),
            subresources=("status",),
        ),
        Resource(
            "discovery.k8s.io",
            "v1",
            "EndpointSlice",
            "endpointslices",
            discovery.EndpointSlice,
            discovery.EndpointSliceList,
            "endpointslices",
        ),
        Resource(
            "networking.k8s.io",
            "v1",
            "NetworkPolicy",
            "networkpolicies",
            networking.NetworkPolicy,
            networking.NetworkPolicyList,
            "networkpolicies",
            short_names=("netpol",),
        ),
        Resource(
            "policy",
            "v1",
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            policy.PodDisruptionBudget,
            policy.PodDisruptionBudgetList,
            "poddisruptionbudgets",
            short_names=("pdb",),
            subresources=("status",),
        ),
        Resource(
            "autoscaling",
            "v1",
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            autoscaling.HorizontalPodAutoscaler,
            autoscaling.HorizontalPodAutoscalerList,
            "horizontalpodautoscalers",
            short_names=("hpa",),
            categories=("all",),
            subresources=("status",),
        ),
        Resource(
            "rbac.authorization.k8s.io", "v1", "Role", "roles", rbac.Role, rbac.RoleList, "roles"
        ),
        Resource(
            "rbac.authorization.k8s.io",
            "v1",
            "RoleBinding",
            "rolebindings",
            rbac.RoleBinding,
            rbac.RoleBindingList,
            "rolebindings",
        ),
        Resource(
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRole",
            "clusterroles",
            rbac.ClusterRole,
            rbac.ClusterRoleList,
            "clusterroles",
            namespaced=False,
        ),
        Resource(
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRoleBinding",
            "clusterrolebindings",
            rbac.ClusterRoleBinding,
            rbac.ClusterRoleBindingList,
            "clusterrolebindings",
            namespaced=False,
        ),
        Resource(
            "scheduling.k8s.io",
            "v1",
            "PriorityClass",
            "priorityclasses",
            scheduling.PriorityClass,
            scheduling.PriorityClassList,
            "priorityclasses",
            namespaced=False,
            short_names=("pc",),
        ),
        Resource(
            "storage.k8s.io",
            "v1",
            "StorageClass",
            "storageclasses",
            storage.StorageClass,
            storage.StorageClassList,
            "storageclasses",
            namespaced=False,
            short_names=("sc",),
        ),
    )
)

PODS: Final = SCHEME.by_plural("", "v1", "pods")
NODES: Final = SCHEME.by_plural("", "v1", "nodes")
REPLICATION_CONTROLLERS: Final = SCHEME.by_plural("", "v1", "replicationcontrollers")
NAMESPACES: Final = SCHEME.by_plural("", "v1", "namespaces")
EVENTS: Final = SCHEME.by_plural("", "v1", "events")
BINDINGS: Final = SCHEME.by_plural("", "v1", "bindings")
LEASES: Final = SCHEME.by_plural("coordination.k8s.io", "v1", "leases")
REPLICA_SETS: Final = SCHEME.by_plural("apps", "v1", "replicasets")
SERVICES: Final = SCHEME.by_plural("", "v1", "services")
ENDPOINTS: Final = SCHEME.by_plural("", "v1", "endpoints")
ENDPOINT_SLICES: Final = SCHEME.by_plural("discovery.k8s.io", "v1", "endpointslices")
CONFIG_MAPS: Final = SCHEME.by_plural("", "v1", "configmaps")
SECRETS: Final = SCHEME.by_plural("", "v1", "secrets")
SERVICE_ACCOUNTS: Final = SCHEME.by_plural("", "v1", "serviceaccounts")
RESOURCE_QUOTAS: Final = SCHEME.by_plural("", "v1", "resourcequotas")
LIMIT_RANGES: Final = SCHEME.by_plural("", "v1", "limitranges")
PERSISTENT_VOLUMES: Final = SCHEME.by_plural("", "v1", "persistentvolumes")
PERSISTENT_VOLUME_CLAIMS: Final = SCHEME.by_plural("", "v1", "persistentvolumeclaims")
