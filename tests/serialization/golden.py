"""The objects that a real Kubernetes 1.36 answered and stored; see tests/golden/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serialization.codecs.interface import TypeMeta
from serialization.kinds import SCHEME
from serialization.scheme import Resource

FOLDER: Final = Path(__file__).parents[1] / "golden" / "objects"

# Stored by a newer group version than the one that is answered; only the latter is in our table.
STORED_AS_ANOTHER_VERSION: Final = {
    "HorizontalPodAutoscaler": TypeMeta("autoscaling/v2", "HorizontalPodAutoscaler"),
}

# Kubernetes fills these in when it reads the object, so they are answered but not stored.
DEFAULTED_ON_READ: Final = {
    "Job-2": "metadata.labels from the template's labels",
    "PersistentVolumeClaim-2": "status.phase",
    "ReplicationController-2": "metadata.labels from the template's labels",
}

# Two map keys of which one begins the other ("j", "job-name"): the library orders them the other
# way round than Kubernetes. As a map they are equal.
MAP_ORDER_DIFFERS: Final = frozenset(("Job-1", "Job-2"))


@dataclass(frozen=True, slots=True)
class GoldenObject:
    """One recorded object: what was sent, answered and stored."""

    name: str
    """KIND-n."""

    def text(self, suffix: str) -> bytes:
        """Return a recorded file's bytes."""
        return (FOLDER / f"{self.name}.{suffix}").read_bytes()

    def has(self, suffix: str) -> bool:
        """Tell whether there is such a file."""
        return (FOLDER / f"{self.name}.{suffix}").exists()

    @property
    def answer(self) -> dict[str, Any]:
        """Return the JSON answer."""
        tree: dict[str, Any] = json.loads(self.text("response.json"))
        return tree

    @property
    def kind(self) -> TypeMeta:
        """Return the type that the answer names."""
        answer = self.answer
        return TypeMeta(answer["apiVersion"], answer["kind"])

    @property
    def resource(self) -> Resource:
        """Return its entry in the scheme."""
        return SCHEME.by_kind(*self.kind)


OBJECTS: Final = tuple(
    GoldenObject(path.name.removesuffix(".response.json"))
    for path in sorted(FOLDER.glob("*.response.json"))
)
