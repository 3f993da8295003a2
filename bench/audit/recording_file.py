"""The file between the measuring process and the auditor: what the one saw, for the other."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RecordedPod:
    """A living pod, as last seen on the watch."""

    namespace: str
    name: str
    node: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Recording:
    """The measuring process's view, at a moment when the cluster was at rest or of a revision."""

    label: str
    running: bool
    """Every pod is claimed to be running, on a node."""
    pods: dict[str, RecordedPod]
    """By uid."""
    pods_seen: list[str]
    """Uids of all pods that ever were, the deleted ones too."""
    controllers: dict[str, list[str]]
    """uid → namespace, name."""
    namespaces: dict[str, str]
    """uid → name, of those that the load made."""
    nodes: dict[str, str]
    """uid → name, listed in the cell's own codec."""
    revision: str = ""
    """Of the pods, where their containers crash or turn unready all the time; empty: the newest."""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["pods"] = {
            uid: (pod.namespace, pod.name, pod.node, pod.resource_version)
            for uid, pod in self.pods.items()
        }
        path.write_text(json.dumps(plain) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read what ``write`` wrote."""
        plain = json.loads(path.read_text(encoding="utf-8"))
        pods = {uid: RecordedPod(*pod) for uid, pod in plain.pop("pods").items()}
        return cls(pods=pods, **plain)
