"""Pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden, forbidden_field
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.pod_defaults import default_pod_spec
from cluster.apiserver.resources.pod_specs import (
    Admitted,
    BySpec,
    content_of,
    frame_of,
    set_content,
)
from cluster.apiserver.resources.pod_update import pod_update_problems
from cluster.apiserver.resources.pod_verdicts import PodVerdicts
from cluster.apiserver.resources.qos import qos_class
from serialization.api.core.v1_pb2 import Pod, PodSpec, Toleration
from serialization.kinds import PODS
from serialization.normal import equal
from serialization.quantities import settle_quantities

TOLERATION_S: Final = 300
"""How long a pod stays on a node that is not ready or not reachable, unless it says so itself."""

SYSTEM_PRIORITIES: Final = {
    "system-node-critical": 2_000_001_000,
    "system-cluster-critical": 2_000_000_000,
}
"""The priority classes that every cluster has; others come with the PriorityClass resource."""

TERMINAL: Final = frozenset(("Succeeded", "Failed"))

_AWAY: Final = tuple(
    Toleration(key=key, operator="Exists", effect="NoExecute", tolerationSeconds=TOLERATION_S)
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
)


class PodStrategy(Strategy[Pod]):
    """A pod's spec is all but immutable; the node is set by a binding, the status by its kubelet.

    ``priorities`` are the values of priority classes by name.
    """

    resource = PODS
    answers_deleted_object = True
    graceful = True

    def __init__(self, priorities: Mapping[str, int] = SYSTEM_PRIORITIES) -> None:
        self._priorities = priorities
        self._verdicts = PodVerdicts()
        self._settled: BySpec[bool] = BySpec()
        self._settled_frames: BySpec[bool] = BySpec()
        self._filled: BySpec[bytes] = BySpec()
        self._admitted: BySpec[Admitted] = BySpec()

    def settle(self, obj: Pod) -> None:
        content = content_of(obj.spec)
        if self._settled.get(content):
            settle_quantities(obj, settled="spec")
            return
        frame = frame_of(obj.spec)
        if self._settled_frames.get(frame) and not _measures(obj.spec):
            settle_quantities(obj, settled="spec")
            self._settled.keep(content, known=True)
            return
        settle_quantities(obj)
        settled = content_of(obj.spec) == content
        self._settled.keep(content, settled)
        self._settled_frames.keep(frame, settled)

    def default(self, obj: Pod) -> None:
        spec = obj.spec
        content = content_of(spec)
        filled = self._filled.get(content)
        if filled is None:
            _fill_in(spec)
            filled = content_of(spec)
            self._filled.keep(content, content if filled == content else filled)
        elif filled != content:
            set_content(spec, filled)

    def prepare_create(self, obj: Pod) -> None:
        """Set the status of a new pod, and what admission adds: priority and tolerations."""
        _begin(obj, qos_class(obj.spec))
        spec = obj.spec
        self._admit_priority(obj)
        if not spec.HasField("preemptionPolicy"):
            spec.preemptionPolicy = "PreemptLowerPriority"
        _tolerate_absence(spec)

    def admit(self, obj: Pod) -> None:
        spec = obj.spec
        content = content_of(spec)
        known = self._admitted.get(content)
        if known is None:
            _fill_in(spec)
            self.prepare_create(obj)
            self._admitted.keep(content, Admitted(content_of(spec), obj.status.qosClass))
        else:
            set_content(spec, known.spec)
            _begin(obj, known.qos)

    def _admit_priority(self, obj: Pod) -> None:
        spec = obj.spec
        name = spec.priorityClassName
        value = self._priorities.get(name) if name else 0
        if value is None:
            raise forbidden(PODS, obj.metadata.name, f"no PriorityClass with name {name} was found")
        if spec.HasField("priority") and spec.priority != value:
            raise forbidden(
                PODS,
                obj.metadata.name,
                f"the integer value of priority ({spec.priority}) must not be provided in pod "
                f"spec; priority admission controller computed {value} from the given "
                "PriorityClass name",
            )
        spec.priority = value

    def validate(self, obj: Pod) -> list[FieldProblem]:
        return self._verdicts.problems(obj.spec)

    def validate_create(self, obj: Pod) -> list[FieldProblem]:
        problems: list[FieldProblem] = []
        spec = obj.spec
        if spec.ephemeralContainers:
            problems.append(forbidden_field("spec.ephemeralContainers", "cannot be set on create"))
        if spec.schedulingGates and spec.nodeName:
            why = "cannot be set until all schedulingGates have been cleared"
            problems.append(forbidden_field("spec.nodeName", why))
        return problems

    def warnings(self, obj: Pod) -> Sequence[str]:
        return self._verdicts.warnings(obj.spec)

    def prepare_update(self, new: Pod, old: Pod) -> None:
        new.status.CopyFrom(old.status)
        if not equal(new.spec, old.spec):
            new.metadata.generation = old.metadata.generation + 1

    def validate_update(self, new: Pod, old: Pod) -> list[FieldProblem]:
        return pod_update_problems(new, old)

    def prepare_status(self, new: Pod, old: Pod) -> None:
        spec, owners = old.spec, old.metadata.ownerReferences
        if new.spec != spec:  # nearly always equal, and to compare costs less than to copy
            new.spec.CopyFrom(spec)
        if new.metadata.ownerReferences != owners:
            del new.metadata.ownerReferences[:]
            new.metadata.ownerReferences.extend(owners)
        status = new.status
        status.qosClass = old.status.qosClass
        if status.podIP and (not status.podIPs or status.podIPs[0].ip != status.podIP):
            del status.podIPs[:]
            status.podIPs.add(ip=status.podIP)

    def default_status(self, obj: Pod) -> None:
        """Only specs are filled in, and this one is the stored one, which was filled in once."""

    def grace_s(self, obj: Pod, asked_s: int | None) -> int:
        """A pod that no kubelet looks after, or that has ended, goes at once."""
        if not obj.spec.nodeName or obj.status.phase in TERMINAL:
            return 0
        grace = obj.spec.terminationGracePeriodSeconds if asked_s is None else asked_s
        return 1 if grace < 0 else grace

    def prepare_delete(self, obj: Pod) -> None:
        obj.metadata.generation += 1


def _measures(spec: PodSpec) -> bool:
    """Tell whether a variable is an amount of something: the one way to a quantity in them."""
    for containers in (spec.containers, spec.initContainers):
        for container in containers:
            for variable in container.env:
                if variable.HasField("valueFrom") and variable.valueFrom.HasField(
                    "resourceFieldRef"
                ):
                    return True
    return False


def _fill_in(spec: PodSpec) -> None:
    default_pod_spec(spec)
    if not spec.HasField("enableServiceLinks"):
        spec.enableServiceLinks = True


def _begin(obj: Pod, qos: str) -> None:
    """Set what is known of a pod that nobody has seen yet."""
    obj.metadata.generation = 1
    status = obj.status
    status.Clear()
    status.phase = "Pending"
    status.qosClass = qos


def _tolerate_absence(spec: PodSpec) -> None:
    if not spec.tolerations:
        spec.tolerations.extend(_AWAY)
        return
    for wanted in _AWAY:
        if not any(_tolerates(each, wanted) for each in spec.tolerations):
            spec.tolerations.add().CopyFrom(wanted)


def _tolerates(toleration: Toleration, wanted: Toleration) -> bool:
    return toleration.key in {wanted.key, ""} and toleration.effect in {wanted.effect, ""}
