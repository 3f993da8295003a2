"""Remembers which pod specs were found sound: replicas of one template are judged once.

To judge a spec costs as much as to decode it from protobuf; to find it here costs its serialized
form and one look-up, whatever codec it came in. Only specs without any fault are remembered, by
their whole content, so that what is remembered can never be wrong.
"""

from __future__ import annotations

from typing import Final

from cluster.apiserver.errors import FieldProblem
from cluster.apiserver.resources.pod_validation import pod_only_problems, pod_spec_problems
from cluster.apiserver.resources.pod_warnings import pod_warnings
from serialization.api.core.v1_pb2 import PodSpec

SPECS_MAX: Final = 512
SPEC_MAX_BYTES: Final = 8192
"""Together they bound the memory: 4 MiB at most."""


class PodVerdicts:
    """The warnings of sound specs, by their bytes; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._warnings: dict[bytes, tuple[str, ...]] = {}
        self.judged = 0
        """How many specs were judged, for they were not remembered."""

    def problems(self, spec: PodSpec) -> list[FieldProblem]:
        """Return what is wrong with a pod's spec (hot path)."""
        content = spec.SerializeToString()
        if content in self._warnings:
            return []
        self.judged += 1
        problems = pod_spec_problems(spec, "spec") + pod_only_problems(spec)
        if not problems and len(content) <= SPEC_MAX_BYTES:
            if len(self._warnings) >= SPECS_MAX:
                del self._warnings[next(iter(self._warnings))]
            self._warnings[content] = pod_warnings(spec, "spec")
        return problems

    def warnings(self, spec: PodSpec) -> tuple[str, ...]:
        """Return what a client is warned of (hot path)."""
        found = self._warnings.get(spec.SerializeToString())
        return pod_warnings(spec, "spec") if found is None else found
