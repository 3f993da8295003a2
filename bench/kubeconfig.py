"""A kubeconfig for kubectl and the official clients."""

from __future__ import annotations

import json
from pathlib import Path


def kubeconfig(url: str) -> str:
    """Return a kubeconfig of one server, without credentials (JSON, which is YAML as well)."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kubedyno", "cluster": {"server": url}}],
        "users": [{"name": "kubedyno", "user": {}}],
        "contexts": [{"name": "kubedyno", "context": {"cluster": "kubedyno", "user": "kubedyno"}}],
        "current-context": "kubedyno",
    }
    return json.dumps(document, indent=2) + "\n"


def write_kubeconfig(path: Path, url: str) -> None:
    """Write the kubeconfig of a server."""
    path.write_text(kubeconfig(url), encoding="utf-8")
