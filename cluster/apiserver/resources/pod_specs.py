"""What was found out about pod specs, by their whole content: replicas of one template are alike.

A spec's serialized form and one look-up cost 2 us, whatever codec it came in; to settle its
quantities, to fill it in, to class and to judge it cost 45. What is remembered is by the whole
content and a function of nothing else, so it can never be wrong. Only the node is left out, which
these functions do not look at: it is what the bound replicas of a template differ in.
"""

from __future__ import annotations

from typing import Final, Generic, NamedTuple, TypeVar

from serialization.api.core.v1_pb2 import PodSpec

V = TypeVar("V")

SPECS_MAX: Final = 512
SPEC_MAX_BYTES: Final = 8192
"""Together they bound the memory: 4 MiB at most for the keys, about as much for specs kept."""


def content_of(spec: PodSpec) -> bytes:
    """Return what a spec says, but for its node (hot path)."""
    node = spec.nodeName
    if not node:
        return spec.SerializeToString()
    spec.ClearField("nodeName")
    content = spec.SerializeToString()
    spec.nodeName = node
    return content


def frame_of(spec: PodSpec) -> bytes:
    """Return what a spec says, but for its node and its containers' variables."""
    frame = PodSpec()
    frame.CopyFrom(spec)
    frame.ClearField("nodeName")
    for container in frame.containers:
        container.ClearField("env")
    for container in frame.initContainers:
        container.ClearField("env")
    return frame.SerializeToString()


def set_content(spec: PodSpec, content: bytes) -> None:
    """Have a spec say ``content``, and keep its node."""
    node = spec.nodeName
    spec.ParseFromString(content)
    if node:
        spec.nodeName = node


class BySpec(Generic[V]):
    """What is known of specs, by their bytes; the oldest is forgotten first."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[bytes, V] = {}

    def get(self, content: bytes) -> V | None:
        """Return what is known, or None (hot path)."""
        return self._kept.get(content)

    def keep(self, content: bytes, known: V) -> None:
        """Remember it, unless the spec is big."""
        if len(content) <= SPEC_MAX_BYTES:
            if len(self._kept) >= SPECS_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[content] = known


class Admitted(NamedTuple):
    """What creation makes of a spec."""

    spec: bytes
    qos: str
