"""What a pod's spec may not say: fields and words of each refusal, one fault at a time."""

from __future__ import annotations

from typing import cast

import pytest

from tests.cluster.apiserver.container_faults import (
    ACTIONS,
    AMOUNTS,
    CONTAINERS,
    Problem,
    with_container,
    with_volume,
)
from tests.cluster.apiserver.kinds import PODS_PATH, pod
from tests.cluster.apiserver.placement_faults import MOUNTS, PLACEMENT, VOLUMES
from tests.cluster.apiserver.serving import InProcess, Json


def spec_of(obj: Json) -> Json:
    """Return an object's spec."""
    return cast("Json", obj["spec"])


def refused(api: InProcess, spec: Json) -> list[Problem]:
    """POST a pod with this spec and return the fields and words that it is refused for."""
    reply = api.call("POST", PODS_PATH, {"metadata": {"name": "x"}, "spec": spec})
    assert reply.code == 422, reply.body
    causes = cast("list[dict[str, str]]", cast("Json", reply.json()["details"])["causes"])
    return [(cause["field"], cause["message"]) for cause in causes]


def check(api: InProcess, changes: Json, expected: list[Problem]) -> None:
    spec = {**with_container(), **changes}

    assert refused(api, spec) == expected
    assert refused(api, spec) == expected  # it was not remembered as sound


@pytest.mark.parametrize("name", CONTAINERS)
def test_container_is_refused(api: InProcess, name: str) -> None:
    check(api, *CONTAINERS[name])


@pytest.mark.parametrize("name", AMOUNTS)
def test_amount_is_refused(api: InProcess, name: str) -> None:
    resources, expected = AMOUNTS[name]
    check(api, with_container(resources=resources), expected)


@pytest.mark.parametrize("name", ACTIONS)
def test_probe_or_hook_is_refused(api: InProcess, name: str) -> None:
    fields, expected = ACTIONS[name]
    check(api, with_container(**fields), expected)


@pytest.mark.parametrize("name", VOLUMES)
def test_volume_is_refused(api: InProcess, name: str) -> None:
    check(api, *VOLUMES[name])


@pytest.mark.parametrize("name", MOUNTS)
def test_mount_is_refused(api: InProcess, name: str) -> None:
    fields, expected = MOUNTS[name]
    spec = {**with_container(**fields), **with_volume(emptyDir={})}
    check(api, spec, expected)


@pytest.mark.parametrize("name", PLACEMENT)
def test_placement_is_refused(api: InProcess, name: str) -> None:
    check(api, *PLACEMENT[name])


def test_sound_spec_is_judged_once(api: InProcess) -> None:
    first, second = pod("a"), pod("b")

    api.create(PODS_PATH, first)
    api.create(PODS_PATH, second)
    spec_of(first)["hostname"] = "-"

    assert refused(api, spec_of(first))[0][0] == "spec.hostname"


def test_warnings_come_with_each_create(api: InProcess) -> None:
    spec = with_container(
        env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
        resources={"requests": {"memory": "1500m"}},
    )
    spec["nodeSelector"] = {"beta.kubernetes.io/os": "linux"}
    told = []

    for name in ("a", "b"):
        reply = api.call("POST", PODS_PATH, {"metadata": {"name": name}, "spec": spec})
        told.append([value.decode() for key, value in reply.headers if key == b"warning"])

    assert told[0] == told[1]
    assert told[0] == [
        '299 - "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use '
        '\\"kubernetes.io/os\\" instead"',
        '299 - "spec.containers[0].env[1]: hides previous definition of \\"A\\", which may be '
        'dropped when using apply"',
        '299 - "spec.containers[0].resources.requests[memory]: fractional byte value '
        '\\"1500m\\" is invalid, must be an integer"',
    ]
