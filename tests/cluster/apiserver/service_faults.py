"""Services with a fault, and what they are refused for; and changes that a service refuses."""

from __future__ import annotations

from typing import Final

from tests.cluster.apiserver.container_faults import Problem, invalid, required
from tests.cluster.apiserver.serving import Json, JsonValue

PORT: Final[Json] = {"port": 80}
OF_BALANCER: Final = "Forbidden: may only be used when `type` is 'LoadBalancer'"
OF_OUTSIDE: Final = "may only be set for externally-accessible services"


def spec(**fields: JsonValue) -> Json:
    """Return the spec of a service with one port."""
    return {"ports": [PORT], **fields}


def external(**fields: JsonValue) -> Json:
    """Return the spec of a name for something outside."""
    return {"type": "ExternalName", "externalName": "a.example", **fields}


def unsupported(field: str, value: str, *known: str) -> Problem:
    """Return the problem of a value that is none of the known ones."""
    listed = ", ".join(f'"{each}"' for each in known)
    return field, f'Unsupported value: "{value}": supported values: {listed}'


SERVICES: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "no ports": ({}, [required("spec.ports")]),
    "unknown type": (
        spec(type="Other"),
        [
            unsupported(
                "spec.type", "Other", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"
            )
        ],
    ),
    "headless and on node ports": (
        spec(type="NodePort", clusterIP="None"),
        [invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for NodePort services")],
    ),
    "external name with an address": (
        external(clusterIP="10.96.0.9"),
        [("spec.clusterIPs", "Forbidden: may not be set for ExternalName services")],
    ),
    "external name without a name": (
        {"type": "ExternalName"},
        [required("spec.externalName")],
    ),
    "two ports without names": (
        {"ports": [PORT, {"port": 81}]},
        [required("spec.ports[0].name"), required("spec.ports[1].name")],
    ),
    "two ports of one name": (
        {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]},
        [("spec.ports[1].name", 'Duplicate value: "a"')],
    ),
    "one port twice": (
        {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]},
        [
            (
                "spec.ports[1]",
                'Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,'
                '"TargetPort":0,"NodePort":0}',
            )
        ],
    ),
    "port out of range": (
        {"ports": [{"port": 70_000, "targetPort": 1}]},
        [invalid("spec.ports[0].port", 70_000, "must be between 1 and 65535, inclusive")],
    ),
    "protocol unknown": (
        {"ports": [{"port": 80, "protocol": "ICMP"}]},
        [unsupported("spec.ports[0].protocol", "ICMP", "SCTP", "TCP", "UDP")],
    ),
    "target without a letter": (
        {"ports": [{"port": 80, "targetPort": "8080"}]},
        [
            invalid("spec.ports[0].targetPort", "8080", "must contain at least one letter (a-z)"),
        ],
    ),
    "node port on a cluster address": (
        {"ports": [{"port": 80, "nodePort": 30_000}]},
        [
            (
                "spec.ports[0].nodePort",
                "Forbidden: may not be used when `type` is 'ClusterIP'",
            )
        ],
    ),
    "one node port twice": (
        {
            "type": "NodePort",
            "ports": [
                {"name": "a", "port": 80, "nodePort": 30_000},
                {"name": "b", "port": 81, "nodePort": 30_000},
            ],
        },
        [("spec.ports[1].nodePort", "Duplicate value: 30000")],
    ),
    "the kubelet's port outside": (
        {"type": "LoadBalancer", "ports": [{"port": 10_250}]},
        [
            invalid(
                "spec.ports[0]",
                10_250,
                "may not expose port 10250 externally since it is used by kubelet",
            )
        ],
    ),
    "affinity unknown": (
        spec(sessionAffinity="Cookie"),
        [unsupported("spec.sessionAffinity", "Cookie", "ClientIP", "None")],
    ),
    "affinity for too long": (
        spec(
            sessionAffinity="ClientIP",
            sessionAffinityConfig={"clientIP": {"timeoutSeconds": 86_401}},
        ),
        [
            invalid(
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
                86_401,
                "must be greater than 0 and less than 86400",
            )
        ],
    ),
    "addresses of which the first is another": (
        spec(clusterIP="10.96.0.9", clusterIPs=["10.96.0.8"]),
        [
            (
                "spec.clusterIPs",
                'Invalid value: ["10.96.0.8"]: first value must match `clusterIP`',
            )
        ],
    ),
    "no address": (
        spec(clusterIP="10.96.0"),
        [
            invalid(
                "spec.clusterIPs[0]",
                "10.96.0",
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            )
        ],
    ),
    "both families": (
        spec(ipFamilyPolicy="RequireDualStack"),
        [
            invalid(
                "spec.ipFamilyPolicy",
                "RequireDualStack",
                "this cluster is not configured for dual-stack services",
            )
        ],
    ),
    "the other family": (
        spec(ipFamilies=["IPv6"]),
        [invalid("spec.ipFamilies[0]", "IPv6", "not configured on this cluster")],
    ),
    "an external address of the node": (
        spec(externalIPs=["127.0.0.1"]),
        [
            invalid(
                "spec.externalIPs[0]",
                "127.0.0.1",
                "may not be in the loopback range (127.0.0.0/8, ::1/128)",
            )
        ],
    ),
    "outside policy within": (
        spec(externalTrafficPolicy="Local"),
        [invalid("spec.externalTrafficPolicy", "Local", OF_OUTSIDE)],
    ),
    "inside policy unknown": (
        spec(internalTrafficPolicy="Near"),
        [unsupported("spec.internalTrafficPolicy", "Near", "Cluster", "Local")],
    ),
    "distribution unknown": (
        spec(trafficDistribution="Fair"),
        [
            unsupported(
                "spec.trafficDistribution",
                "Fair",
                "PreferClose",
                "PreferSameNode",
                "PreferSameZone",
            )
        ],
    ),
    "a balancer's fields without one": (
        spec(
            loadBalancerSourceRanges=["10.0.0.0/8"],
            allocateLoadBalancerNodePorts=True,
            loadBalancerClass="a/b",
        ),
        [
            ("spec.LoadBalancerSourceRanges", OF_BALANCER),
            ("spec.allocateLoadBalancerNodePorts", OF_BALANCER),
            ("spec.loadBalancerClass", OF_BALANCER),
        ],
    ),
    "a block that is none": (
        spec(type="LoadBalancer", loadBalancerSourceRanges=["10.0.0.0"]),
        [
            invalid(
                "spec.LoadBalancerSourceRanges[0]",
                "10.0.0.0",
                "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
            )
        ],
    ),
}

CHANGES: Final[dict[str, tuple[Json, Json, list[Problem]]]] = {
    "another address": (
        spec(clusterIP="10.96.0.9"),
        spec(clusterIP="10.96.0.10"),
        [("spec.clusterIPs[0]", 'Invalid value: ["10.96.0.10"]: may not change once set')],
    ),
    "no address any more": (
        spec(clusterIP="10.96.0.9"),
        spec(clusterIP="None"),
        [("spec.clusterIPs[0]", 'Invalid value: ["None"]: may not change once set')],
    ),
    "another balancer": (
        spec(type="LoadBalancer", loadBalancerClass="a/b"),
        spec(type="LoadBalancer", loadBalancerClass="a/c"),
        [invalid("spec.loadBalancerClass", "a/c", "may not change once set")],
    ),
}
