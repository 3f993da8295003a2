"""``update``: PUT of a pod whose annotation has changed, at the resourceVersion last answered."""

from __future__ import annotations

from typing import Final

from bench.apibench.operations.rewriting import Rewriting
from serialization.api.core.v1_pb2 import Pod

ANNOTATION: Final = "kubedyno/mark"


def _annotate(pod: Pod, mark: str) -> None:
    pod.metadata.annotations[ANNOTATION] = mark


OPERATION = Rewriting("PUT pods", "PUT of a pod, an annotation changed each time", "", _annotate)
