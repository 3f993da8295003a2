"""Remembers which pod specs were found sound: replicas of one template are judged once.

Only specs without any fault are remembered (see ``pod_specs``). A spec that is not known itself may
have a known *frame*: all of it but its node and its containers' variables. No rule looks at one of
these and at something else, so a sound frame and sound variables make a sound spec, for a third of
what it costs to judge the whole. What is not that plain is judged whole, in Kubernetes' order.
"""

from __future__ import annotations

from cluster.apiserver.errors import FieldProblem
from cluster.apiserver.resources.env_validation import is_quiet
from cluster.apiserver.resources.pod_specs import BySpec, frame_of
from cluster.apiserver.resources.pod_validation import pod_only_problems, pod_spec_problems
from cluster.apiserver.resources.pod_warnings import pod_warnings
from serialization.api.core.v1_pb2 import PodSpec
from serialization.labels import subdomain_errors


class PodVerdicts:
    """The warnings of sound specs."""

    def __init__(self) -> None:
        self._warnings: BySpec[tuple[str, ...]] = BySpec()
        self._frames: BySpec[bool] = BySpec()
        self.judged = 0
        """How many specs were judged whole, for not even their frames were remembered."""

    def problems(self, spec: PodSpec) -> list[FieldProblem]:
        """Return what is wrong with a pod's spec (hot path)."""
        content = spec.SerializeToString()
        if self._warnings.get(content) is not None:
            return []
        frame = frame_of(spec)
        if self._frames.get(frame) and _is_quiet_beside_its_frame(spec):
            self._warnings.keep(content, ())
            return []
        self.judged += 1
        problems = pod_spec_problems(spec, "spec") + pod_only_problems(spec)
        if not problems:
            warnings = pod_warnings(spec, "spec")
            self._warnings.keep(content, warnings)
            if not warnings:
                self._frames.keep(frame, known=True)
        return problems

    def warnings(self, spec: PodSpec) -> tuple[str, ...]:
        """Return what a client is warned of (hot path)."""
        found = self._warnings.get(spec.SerializeToString())
        return pod_warnings(spec, "spec") if found is None else found


def _is_quiet_beside_its_frame(spec: PodSpec) -> bool:
    """Tell whether what no frame holds gives neither cause for a complaint nor for a warning."""
    node = spec.nodeName
    if node and subdomain_errors(node):
        return False
    return all(map(is_quiet, spec.containers)) and all(map(is_quiet, spec.initContainers))
