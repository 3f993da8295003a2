"""Remembers which pod specs were found sound: replicas of one template are judged once.

Only specs without any fault are remembered (see ``pod_specs``).
"""

from __future__ import annotations

from cluster.apiserver.errors import FieldProblem
from cluster.apiserver.resources.pod_specs import BySpec
from cluster.apiserver.resources.pod_validation import pod_only_problems, pod_spec_problems
from cluster.apiserver.resources.pod_warnings import pod_warnings
from serialization.api.core.v1_pb2 import PodSpec


class PodVerdicts:
    """The warnings of sound specs."""

    def __init__(self) -> None:
        self._warnings: BySpec[tuple[str, ...]] = BySpec()
        self.judged = 0
        """How many specs were judged, for they were not remembered."""

    def problems(self, spec: PodSpec) -> list[FieldProblem]:
        """Return what is wrong with a pod's spec (hot path)."""
        content = spec.SerializeToString()
        if self._warnings.get(content) is not None:
            return []
        self.judged += 1
        problems = pod_spec_problems(spec, "spec") + pod_only_problems(spec)
        if not problems:
            self._warnings.keep(content, pod_warnings(spec, "spec"))
        return problems

    def warnings(self, spec: PodSpec) -> tuple[str, ...]:
        """Return what a client is warned of (hot path)."""
        found = self._warnings.get(spec.SerializeToString())
        return pod_warnings(spec, "spec") if found is None else found
