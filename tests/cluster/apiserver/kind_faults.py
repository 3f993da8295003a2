"""Small kinds with a fault, and what they are refused for; and changes that they refuse."""

from __future__ import annotations

from typing import Final

from tests.cluster.apiserver.container_faults import Problem, invalid, required
from tests.cluster.apiserver.service_faults import unsupported
from tests.cluster.apiserver.serving import Json, JsonValue

KEY_RULE: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
ADDRESS_RULE: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
TOO_LONG: Final = "Too long: may not be more than 1048576 bytes"
FROZEN: Final = "Forbidden: field is immutable when `immutable` is set"
BIG: Final = "x" * (1024 * 1024 + 1)


def endpoints(*ports: Json, **addresses: JsonValue) -> Json:
    """Return endpoints with one subset."""
    return {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], **addresses, "ports": list(ports)}]}


def slice_of(*addresses: str, kind: str = "IPv4", **fields: JsonValue) -> Json:
    """Return an endpoint slice with one endpoint."""
    return {"addressType": kind, "endpoints": [{"addresses": list(addresses)}], **fields}


def limits(kind: str = "Container", **amounts: JsonValue) -> Json:
    """Return a limit range of one item."""
    return {"spec": {"limits": [{"type": kind, **amounts}]}}


def quota(*, scopes: list[JsonValue] | None = None, **hard: JsonValue) -> Json:
    """Return a quota; underscores stand for dots."""
    names: Json = {name.replace("_", "."): amount for name, amount in hard.items()}
    return {"spec": {"hard": names, **({"scopes": scopes} if scopes else {})}}


def scoped(**requirement: JsonValue) -> Json:
    """Return a quota with a selector of scopes."""
    return {"spec": {"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [requirement]}}}


Cases = dict[str, tuple[Json, list[Problem]]]

OBJECTS: Final[dict[str, Cases]] = {
    "configmaps": {
        "key": ({"data": {"a b": "1"}}, [invalid("data[a b]", "a b", KEY_RULE)]),
        "key of dots": (
            {"data": {"..a": "1"}},
            [invalid("data[..a]", "..a", "must not start with '..'")],
        ),
        "one key in both": (
            {"data": {"a": "1"}, "binaryData": {"a": "AA=="}},
            [
                invalid("data[a]", "a", "duplicate of key present in binaryData"),
                invalid("binaryData[a]", "a", "duplicate of key present in data"),
            ],
        ),
        "size": ({"data": {"a": BIG}}, [("[]", TOO_LONG)]),
    },
    "secrets": {
        "key": ({"stringData": {"a/b": "1"}}, [invalid("data[a/b]", "a/b", KEY_RULE)]),
        "size": ({"stringData": {"a": BIG}}, [("data", TOO_LONG)]),
        "tls": (
            {"type": "kubernetes.io/tls", "stringData": {"tls.crt": ""}},
            [required("data[tls.key]")],
        ),
        "basic": (
            {"type": "kubernetes.io/basic-auth"},
            [required("data[%s][username]"), required("data[%s][password]")],
        ),
        "ssh": (
            {"type": "kubernetes.io/ssh-auth", "stringData": {"ssh-privatekey": ""}},
            [required("data[%s][ssh-privatekey]")],
        ),
        "token": (
            {"type": "kubernetes.io/service-account-token"},
            [required("metadata.annotations[kubernetes.io/service-account.name]")],
        ),
        "docker": ({"type": "kubernetes.io/dockercfg"}, [required("data[.dockercfg]")]),
        "docker that is no object": (
            {"type": "kubernetes.io/dockercfg", "stringData": {".dockercfg": "[]"}},
            [invalid("data[.dockercfg]", "<secret contents redacted>", "not a JSON object")],
        ),
    },
    "endpoints": {
        "no addresses": (
            {"subsets": [{"ports": [{"port": 80}]}]},
            [required("subsets[0]", "must specify `addresses` or `notReadyAddresses`")],
        ),
        "address": (
            endpoints(addresses=[{"ip": "10.0.0"}]),
            [invalid("subsets[0].addresses[0].ip", "10.0.0", ADDRESS_RULE)],
        ),
        "address of a link": (
            endpoints(notReadyAddresses=[{"ip": "169.254.0.1"}]),
            [
                invalid(
                    "subsets[0].notReadyAddresses[0].ip",
                    "169.254.0.1",
                    "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
                )
            ],
        ),
        "ports without names": (
            endpoints({"port": 80}, {"port": 81, "name": "b"}),
            [required("subsets[0].ports[0].name")],
        ),
        "port": (
            endpoints({"port": 0}),
            [invalid("subsets[0].ports[0].port", 0, "must be between 1 and 65535, inclusive")],
        ),
        "protocol": (
            endpoints({"port": 80, "protocol": "X"}),
            [unsupported("subsets[0].ports[0].protocol", "X", "SCTP", "TCP", "UDP")],
        ),
    },
    "endpointslices": {
        "no type": (slice_of("10.0.0.1", kind=""), [required("addressType")]),
        "type": (
            slice_of("10.0.0.1", kind="X"),
            [unsupported("addressType", "X", "FQDN", "IPv4", "IPv6")],
        ),
        "no addresses": (
            slice_of(),
            [required("endpoints[0].addresses", "must contain at least 1 address")],
        ),
        "too many addresses": (
            slice_of(*(f"10.0.0.{n}" for n in range(1, 102))),
            [("endpoints[0].addresses", "Too many: 101: must have at most 100 items")],
        ),
        "too many endpoints": (
            {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}] * 1001},
            [("endpoints", "Too many: 1001: must have at most 1000 items")],
        ),
        "address of another type": (
            slice_of("10.0.0.1", kind="IPv6"),
            [invalid("endpoints[0].addresses[0]", "10.0.0.1", "must be a valid IPv6 address")],
        ),
        "name": (
            slice_of("localhost", kind="FQDN"),
            [
                invalid(
                    "endpoints[0].addresses[0]",
                    "localhost",
                    "should be a domain with at least two segments separated by dots",
                )
            ],
        ),
        "one port name twice": (
            slice_of("10.0.0.1", ports=[{"port": 1}, {"port": 2}]),
            [("ports[1].name", 'Duplicate value: ""')],
        ),
        "too many hints": (
            {
                "addressType": "IPv4",
                "endpoints": [
                    {
                        "addresses": ["10.0.0.1"],
                        "hints": {"forZones": [{"name": f"z{n}"} for n in range(9)]},
                    }
                ],
            },
            [("endpoints[0].hints.forZones", "Too many: 9: must have at most 8 items")],
        ),
    },
    "resourcequotas": {
        "resource": (
            quota(apples="1"),
            [
                invalid(
                    "spec.hard[apples]",
                    "apples",
                    "must be a standard resource type or fully qualified",
                ),
                invalid("spec.hard[apples]", "apples", "must be a standard resource for quota"),
            ],
        ),
        "amount": (
            quota(pods="-1"),
            [invalid("spec.hard[pods]", "-1", "must be greater than or equal to 0")],
        ),
        "part of a thing": (
            quota(pods="1500m"),
            [invalid("spec.hard[pods]", "1500m", "must be an integer")],
        ),
        "scope": (
            quota(pods="1", scopes=["X"]),
            [("spec.scopes", 'Invalid value: ["X"]: unsupported scope')],
        ),
        "scope that says nothing of it": (
            quota(services="1", scopes=["BestEffort"]),
            [
                (
                    "spec.scopes",
                    'Invalid value: ["BestEffort"]: unsupported scope applied to resource',
                )
            ],
        ),
        "scopes that exclude each other": (
            quota(pods="1", scopes=["Terminating", "NotTerminating"]),
            [
                (
                    "spec.scopes",
                    'Invalid value: ["Terminating","NotTerminating"]: conflicting scopes',
                )
            ],
        ),
        "selector without values": (
            scoped(scopeName="PriorityClass", operator="In"),
            [
                required(
                    "spec.scopeSelector.matchExpressions.values",
                    "must be at least one value when `operator` is 'In' or 'NotIn' for scope "
                    "selector",
                )
            ],
        ),
        "selector's operator": (
            scoped(scopeName="PriorityClass", operator="Like"),
            [
                invalid(
                    "spec.scopeSelector.matchExpressions.operator",
                    "Like",
                    "not a valid selector operator",
                )
            ],
        ),
    },
    "limitranges": {
        "type": (
            limits("Thing"),
            [
                invalid(
                    "spec.limits[0].type",
                    "Thing",
                    "must be a standard limit type or fully qualified",
                )
            ],
        ),
        "one type twice": (
            {"spec": {"limits": [{"type": "Pod"}, {"type": "Pod"}]}},
            [("spec.limits[1].type", 'Duplicate value: "Pod"')],
        ),
        "default of a pod": (
            limits("Pod", default={"cpu": "1"}),
            [("spec.limits[0].default", "Forbidden: may not be specified when `type` is 'Pod'")],
        ),
        "claim without storage": (
            limits("PersistentVolumeClaim"),
            [
                required(
                    "spec.limits[0].limits",
                    "either minimum or maximum storage value is required, but neither was provided",
                )
            ],
        ),
        "order": (
            limits("Pod", min={"cpu": "2"}, max={"cpu": "1"}),
            [invalid("spec.limits[0].min[cpu]", "2", "min value 2 is greater than max value 1")],
        ),
        "request above the limit": (
            limits(default={"cpu": "1"}, defaultRequest={"cpu": "2"}),
            [
                invalid(
                    "spec.limits[0].defaultRequest[cpu]",
                    "2",
                    "default request value 2 is greater than default limit value 1",
                )
            ],
        ),
        "ratio": (
            limits("Pod", maxLimitRequestRatio={"cpu": "500m"}),
            [
                invalid(
                    "spec.limits[0].maxLimitRequestRatio[cpu]", "500m", "ratio 500m is less than 1"
                )
            ],
        ),
        "ratio that cannot come about": (
            limits("Pod", min={"cpu": "1"}, max={"cpu": "2"}, maxLimitRequestRatio={"cpu": "3"}),
            [
                invalid(
                    "spec.limits[0].maxLimitRequestRatio[cpu]",
                    "3",
                    "ratio 3 is greater than max/min = 2.000000",
                )
            ],
        ),
    },
}

CHANGES: Final[dict[str, dict[str, tuple[Json, Json, list[Problem]]]]] = {
    "configmaps": {
        "immutable": (
            {"immutable": True, "data": {"a": "1"}},
            {"data": {"a": "2"}, "binaryData": {"b": "AA=="}},
            [("immutable", FROZEN), ("data", FROZEN), ("binaryData", FROZEN)],
        ),
    },
    "secrets": {
        "type": (
            {"type": "a/b"},
            {"type": "a/c"},
            [invalid("type", "a/c", "field is immutable")],
        ),
        "immutable": (
            {"immutable": True, "stringData": {"a": "1"}},
            {"immutable": True, "stringData": {"a": "2"}},
            [("data", FROZEN)],
        ),
    },
    "endpointslices": {
        "type": (
            slice_of("10.0.0.1"),
            slice_of("2001:db8::1", kind="IPv6"),
            [invalid("addressType", "IPv6", "field is immutable")],
        ),
    },
    "resourcequotas": {
        "scopes": (
            quota(pods="1"),
            quota(pods="1", scopes=["BestEffort"]),
            [("spec.scopes", 'Invalid value: ["BestEffort"]: field is immutable')],
        ),
    },
}
