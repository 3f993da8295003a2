"""Pod specs with a fault inside a container, and what they are refused for."""

from __future__ import annotations

from typing import Final

from tests.cluster.apiserver.serving import Json, JsonValue

Problem = tuple[str, str]

C: Final = "spec.containers[0]"
ABOVE_0: Final = "Invalid value: -1: must be greater than or equal to 0"


def with_container(**fields: JsonValue) -> Json:
    """Return a spec whose only container has these fields besides its name and image."""
    return {"containers": [{"name": "c", "image": "i:1", **fields}]}


def with_volume(**source: JsonValue) -> Json:
    """Return a spec with one volume of this source."""
    return {"volumes": [{"name": "v", **source}]}


def required(field: str, why: str = "") -> Problem:
    """Return the problem of a field that is missing."""
    return field, f"Required value: {why}" if why else "Required value"


def invalid(field: str, value: object, why: str) -> Problem:
    """Return the problem of a value that will not do."""
    shown = f'"{value}"' if isinstance(value, str) else value
    return field, f"Invalid value: {shown}: {why}"


CONTAINERS: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "no-name": ({"containers": [{"image": "i"}]}, [required(f"{C}.name")]),
    "message-policy": (
        with_container(terminationMessagePolicy="Loud"),
        [
            (
                f"{C}.terminationMessagePolicy",
                'Unsupported value: "Loud": supported values: "FallbackToLogsOnError", "File"',
            )
        ],
    ),
    "port-name": (
        with_container(ports=[{"containerPort": 80, "name": "-80-"}]),
        [
            invalid(f"{C}.ports[0].name", "-80-", "must contain at least one letter (a-z)"),
            invalid(f"{C}.ports[0].name", "-80-", "must not begin or end with a hyphen"),
        ],
    ),
    "host-port-twice": (
        with_container(
            ports=[{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]
        ),
        [(f"{C}.ports[1].hostPort", 'Duplicate value: "TCP//9"')],
    ),
    "env-name": (
        with_container(env=[{"name": "A=B"}]),
        [
            invalid(
                f"{C}.env[0].name",
                "A=B",
                "a valid environment variable name must consist only of printable ASCII "
                "characters other than '='",
            )
        ],
    ),
    "env-two-sources": (
        with_container(
            env=[
                {
                    "name": "A",
                    "valueFrom": {
                        "fieldRef": {"fieldPath": "metadata.name"},
                        "configMapKeyRef": {"name": "m", "key": "k"},
                    },
                }
            ]
        ),
        [
            invalid(
                f"{C}.env[0].valueFrom", "", "may not have more than one field specified at a time"
            )
        ],
    ),
    "env-value-and-source": (
        with_container(
            env=[
                {
                    "name": "A",
                    "value": "1",
                    "valueFrom": {"secretKeyRef": {"name": "s", "key": ".."}},
                }
            ]
        ),
        [
            invalid(f"{C}.env[0].valueFrom.secretKeyRef.key", "..", "must not be '..'"),
            invalid(f"{C}.env[0].valueFrom", "", "may not be specified when `value` is not empty"),
        ],
    ),
    "env-unknown-field": (
        with_container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.foo"}}}]),
        [
            invalid(
                f"{C}.env[0].valueFrom.fieldRef.fieldPath",
                "spec.foo",
                "error converting fieldPath: field label not supported: spec.foo",
            )
        ],
    ),
    "env-divisor": (
        with_container(
            env=[
                {
                    "name": "A",
                    "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1Mi"}},
                }
            ]
        ),
        [
            invalid(
                f"{C}.env[0].valueFrom.resourceFieldRef.divisor",
                "limits.cpu",
                "only divisor's values 1m and 1 are supported with the cpu resource",
            )
        ],
    ),
    "env-from-nothing": (
        with_container(envFrom=[{"prefix": "A_"}]),
        [invalid(f"{C}.envFrom", "", "must specify one of: `configMapRef` or `secretRef`")],
    ),
    "resize": (
        with_container(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "Maybe"}]),
        [
            (
                f"{C}.resizePolicy[0].restartPolicy",
                'Unsupported value: "Maybe": supported values: "NotRequired", "RestartContainer"',
            )
        ],
    ),
    "own-restart": (
        with_container(restartPolicy="Always"),
        [(f"{C}.restartPolicy", "Forbidden: may not be set for non-init containers")],
    ),
    "user": (
        with_container(securityContext={"runAsUser": -1}),
        [
            invalid(
                f"{C}.securityContext.runAsUser", -1, "must be between 0 and 2147483647, inclusive"
            )
        ],
    ),
    "init-name-again": (
        {"initContainers": [{"name": "c", "image": "i:1"}]},
        [("spec.initContainers[0].name", 'Duplicate value: "c"')],
    ),
    "init-probe": (
        {
            "initContainers": [
                {"name": "d", "image": "i:1", "livenessProbe": {"tcpSocket": {"port": 1}}}
            ]
        },
        [
            (
                "spec.initContainers[0].livenessProbe",
                "Forbidden: may not be set for init containers without restartPolicy=Always",
            )
        ],
    ),
}

AMOUNTS: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "extended-fraction": (
        {"limits": {"x.io/gpu": "500m"}},
        [
            invalid(f"{C}.resources.limits[x.io/gpu]", "500m", "must be an integer"),
            invalid(f"{C}.resources.requests[x.io/gpu]", "500m", "must be an integer"),
        ],
    ),
    "extended-without-limit": (
        {"requests": {"x.io/gpu": "1"}},
        [required(f"{C}.resources.limits", "Limit must be set for non overcommitable resources")],
    ),
    "extended-unequal": (
        {"requests": {"x.io/gpu": "1"}, "limits": {"x.io/gpu": "2"}},
        [invalid(f"{C}.resources.requests", "1", "must be equal to x.io/gpu limit of 2")],
    ),
    "unknown": (
        {"requests": {"gold": "1"}},
        [
            invalid(
                f"{C}.resources.requests[gold]",
                "gold",
                "must be a standard resource type or fully qualified",
            ),
            invalid(
                f"{C}.resources.requests[gold]",
                "gold",
                "must be a standard resource for containers",
            ),
        ],
    ),
    "huge-pages-alone": (
        {"limits": {"hugepages-2Mi": "4Mi"}},
        [(f"{C}.resources", "Forbidden: HugePages require cpu or memory")],
    ),
    "huge-pages-part": (
        {"limits": {"hugepages-2Mi": "3Mi", "cpu": "1"}},
        [
            invalid(
                f"{C}.resources.limits[hugepages-2Mi]",
                "3Mi",
                "must be a positive integer multiple of 2Mi",
            ),
            invalid(
                f"{C}.resources.requests[hugepages-2Mi]",
                "3Mi",
                "must be a positive integer multiple of 2Mi",
            ),
        ],
    ),
}

ACTIONS: Final[dict[str, tuple[Json, list[Problem]]]] = {
    "no-handler": (
        {"livenessProbe": {"periodSeconds": 5}},
        [required(f"{C}.livenessProbe", "must specify a handler type")],
    ),
    "two-handlers": (
        {"startupProbe": {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}},
        [
            (
                f"{C}.startupProbe.tcpSocket",
                "Forbidden: may not specify more than 1 handler type",
            )
        ],
    ),
    "no-command": (
        {"readinessProbe": {"exec": {}}},
        [required(f"{C}.readinessProbe.exec.command")],
    ),
    "negative": (
        {"readinessProbe": {"exec": {"command": ["a"]}, "failureThreshold": -1}},
        [(f"{C}.readinessProbe.failureThreshold", ABOVE_0)],
    ),
    "successes": (
        {"livenessProbe": {"exec": {"command": ["a"]}, "successThreshold": 2}},
        [invalid(f"{C}.livenessProbe.successThreshold", 2, "must be 1")],
    ),
    "readiness-grace": (
        {"readinessProbe": {"exec": {"command": ["a"]}, "terminationGracePeriodSeconds": 2}},
        [
            invalid(
                f"{C}.readinessProbe.terminationGracePeriodSeconds",
                2,
                "must not be set for readinessProbes",
            )
        ],
    ),
    "scheme-and-header": (
        {
            "livenessProbe": {
                "httpGet": {"port": 1, "scheme": "FTP", "httpHeaders": [{"name": "A B"}]}
            }
        },
        [
            (
                f"{C}.livenessProbe.httpGet.scheme",
                'Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
            ),
            invalid(
                f"{C}.livenessProbe.httpGet.httpHeaders",
                "A B",
                "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
                "'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
            ),
        ],
    ),
    "grpc-port": (
        {"livenessProbe": {"grpc": {"port": 0}}},
        [invalid(f"{C}.livenessProbe.grpc.port", 0, "must be between 1 and 65535, inclusive")],
    ),
    "empty-hook": (
        {"lifecycle": {"postStart": {}}},
        [required(f"{C}.lifecycle.postStart", "must specify a handler type")],
    ),
}
