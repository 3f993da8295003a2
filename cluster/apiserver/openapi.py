"""As much OpenAPI v3 as kubectl asks for: which kinds take ``fieldValidation``.

Before it sends an object, kubectl looks for that parameter under the kind's PATCH operation; where
it finds it, it leaves validation to the server (and sends ``fieldValidation=Strict``). There are
no schemas in here, so ``kubectl explain`` has nothing to tell.
"""

from __future__ import annotations

from google.protobuf.message import Message

from cluster.apiserver.registry import Registry
from cluster.apiserver.resources.interface import Strategy


def openapi_pages(registry: Registry) -> dict[str, object]:
    """Return the documents below /openapi/v3, by path."""
    groups: dict[str, list[Strategy[Message]]] = {}
    for strategy in registry:
        group, version = strategy.resource.group, strategy.resource.version
        root = f"apis/{group}/{version}" if group else f"api/{version}"
        groups.setdefault(root, []).append(strategy)
    pages: dict[str, object] = {
        "/openapi/v3": {
            "paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in groups}
        }
    }
    for root, strategies in groups.items():
        pages[f"/openapi/v3/{root}"] = {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.32.0"},
            "paths": {_path(each): _operations(each) for each in strategies},
        }
    return pages


def _path(strategy: Strategy[Message]) -> str:
    return strategy.resource.path("{namespace}", "{name}")


def _operations(strategy: Strategy[Message]) -> dict[str, object]:
    resource = strategy.resource
    return {
        "patch": {
            "parameters": [
                {"name": name, "in": "query", "schema": {"type": "string"}}
                for name in ("dryRun", "fieldManager", "fieldValidation")
            ],
            "responses": {},
            "x-kubernetes-group-version-kind": {
                "group": resource.group,
                "version": resource.version,
                "kind": resource.kind,
            },
        }
    }
