"""Specs that differ in their variables and nodes alone: what a known frame says is found out again.

The frame is everything else. It is made known first, so that it is what answers.
"""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from bench.apibench.pods import pod
from cluster.apiserver.resources.pod import PodStrategy
from cluster.apiserver.resources.pod_specs import frame_of
from cluster.apiserver.resources.pod_validation import pod_only_problems, pod_spec_problems
from cluster.apiserver.resources.pod_verdicts import PodVerdicts
from cluster.apiserver.resources.pod_warnings import pod_warnings
from serialization.api.core.v1_pb2 import (
    ConfigMapKeySelector,
    EnvVar,
    EnvVarSource,
    LocalObjectReference,
    ObjectFieldSelector,
    Pod,
    PodSpec,
    ResourceFieldSelector,
)
from serialization.api.resource_pb2 import Quantity
from serialization.errors import DecodeError
from serialization.quantities import settle_quantities

NONE = "a lot"
"""No quantity."""
NAMES = st.sampled_from(["A", "B", "C", "D", "", "=", "ü", "with space"])
AMOUNTS = st.sampled_from(["", "1", "1m", "0.5", "1000m", "2Ki", "01", "3", NONE])
FIELDS = st.builds(
    ObjectFieldSelector,
    apiVersion=st.sampled_from(["v1", "", "v2"]),
    fieldPath=st.sampled_from(
        ["metadata.name", "status.podIP", "metadata.labels['a']", "metadata.labels", "", "x"]
    ),
)
RESOURCES = st.builds(
    ResourceFieldSelector,
    resource=st.sampled_from(["limits.cpu", "requests.memory", "", "x"]),
    divisor=st.builds(Quantity, string=AMOUNTS),
)
KEYS = st.builds(
    ConfigMapKeySelector,
    localObjectReference=st.builds(LocalObjectReference, name=st.sampled_from(["", "a"])),
    key=st.sampled_from(["", "a", ".."]),
)
SOURCES = st.builds(
    EnvVarSource,
    fieldRef=st.none() | FIELDS,
    resourceFieldRef=st.none() | RESOURCES,
    configMapKeyRef=st.none() | KEYS,
)
VARIABLES = st.builds(
    EnvVar,
    name=NAMES,
    value=st.none() | st.sampled_from(["", "a", "b"]),
    valueFrom=st.none() | SOURCES,
)
ENVIRONMENTS = st.lists(VARIABLES, max_size=4)
NODES = st.sampled_from(["", "node-1", "node-2", "No Node"])
QUIET = st.lists(
    st.builds(EnvVar, name=st.sampled_from("ABC"), value=st.text(max_size=3)), max_size=3
)


def _template() -> Pod:
    made = pod("a", "b")
    made.spec.initContainers.add().CopyFrom(made.spec.containers[0])
    init = made.spec.initContainers[0]
    init.name = "first"
    init.ClearField("livenessProbe")
    init.ClearField("readinessProbe")
    return made


def _varied(first: list[EnvVar], second: list[EnvVar], node: str) -> Pod:
    made = _template()
    for container, variables in (
        (made.spec.containers[0], first),
        (made.spec.initContainers[0], second),
    ):
        del container.env[:]
        container.env.extend(variables)
    made.spec.nodeName = node
    return made


def _filled_in(made: Pod) -> PodSpec:
    PodStrategy().default(made)
    return made.spec


@given(ENVIRONMENTS | QUIET, ENVIRONMENTS | QUIET, NODES)
def test_spec_of_a_known_frame_is_judged_as_any_other(
    first: list[EnvVar], second: list[EnvVar], node: str
) -> None:
    verdicts = PodVerdicts()
    assert verdicts.problems(_filled_in(_template())) == []
    spec = _filled_in(_varied(first, second, node))
    # What is none has been refused before anything is judged.
    assume(all(each.valueFrom.resourceFieldRef.divisor.string != NONE for each in first + second))

    for _ in range(2):
        found = verdicts.problems(spec)

        assert found == pod_spec_problems(spec, "spec") + pod_only_problems(spec)
        assert verdicts.warnings(spec) == pod_warnings(spec, "spec")


def test_replicas_on_other_nodes_with_other_values_are_not_judged_whole() -> None:
    verdicts = PodVerdicts()

    for number in range(9):
        spec = _filled_in(_varied([EnvVar(name="A", value=str(number))], [], f"node-{number}"))
        assert verdicts.problems(spec) == []

    assert verdicts.judged == 1


def test_frame_is_all_but_variables_and_node() -> None:
    spec = _varied([EnvVar(name="A")], [EnvVar(name="B")], "node-1").spec
    other = PodSpec()
    other.CopyFrom(spec)
    other.hostname = "a"

    assert frame_of(spec) == frame_of(_varied([], [], "").spec) != frame_of(other)
    assert [c.env[0].name for c in (spec.containers[0], spec.initContainers[0])] == ["A", "B"]


@given(ENVIRONMENTS, ENVIRONMENTS)
def test_quantities_of_a_known_frame_are_settled_as_any_other(
    first: list[EnvVar], second: list[EnvVar]
) -> None:
    strategy = PodStrategy()
    strategy.settle(_template())
    for _ in range(2):
        settled, expected = _varied(first, second, ""), _varied(first, second, "")

        try:
            settle_quantities(expected)
        except DecodeError as error:
            told = str(error)
        else:
            told = ""

        assert _told_by(strategy, settled) == told
        if not told:
            assert settled == expected


def _told_by(strategy: PodStrategy, made: Pod) -> str:
    try:
        strategy.settle(made)
    except DecodeError as error:
        return str(error)
    return ""
