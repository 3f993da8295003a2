"""What a kubelet reports in Events, about a pod or one of its containers."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.client.events import Recorder
from cluster.kubelet.container_life import Happening
from serialization.api.core.v1_pb2 import ObjectReference, Pod
from serialization.kinds import PODS


def report(recorder: Recorder, pod: Pod, happenings: Iterable[Happening]) -> None:
    """Record what happened to a pod."""
    metadata = pod.metadata
    namespace, name, uid = metadata.namespace, metadata.name, metadata.uid
    version = metadata.resourceVersion
    for happening in happenings:
        about = ObjectReference(
            kind=PODS.kind,
            apiVersion=PODS.api_version,
            namespace=namespace,
            name=name,
            uid=uid,
            resourceVersion=version,
            fieldPath=happening.field or None,
        )
        recorder.record(about, happening.reason, happening.message, warning=happening.warning)
