"""OpenAPI v3 of what is served: kubectl validates by it, and ``kubectl explain`` reads it.

Before it sends an object, kubectl looks for the parameter ``fieldValidation`` under the kind's
PATCH operation; where it finds it, it leaves validation to the server. ``explain`` finds a kind by
its path and its fields in the schemas.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final

from google.protobuf.message import Message

from cluster.apiserver.resources.interface import Strategy
from serialization.openapi import schema_name, schemas_of

INDEX: Final = "/openapi/v3"

OBJECT_VERBS: Final = {"get": "get", "update": "put", "patch": "patch", "delete": "delete"}
COLLECTION_VERBS: Final = {"list": "get", "create": "post", "deletecollection": "delete"}
"""Discovery's verbs and their HTTP methods."""

ACTIONS: Final = {"create": "post", "update": "put", "deletecollection": "deletecollection"}
"""``x-kubernetes-action``, where it is not the verb."""

PARAMETERS: Final = {
    "create": ("dryRun", "fieldManager", "fieldValidation"),
    "update": ("dryRun", "fieldManager", "fieldValidation"),
    "patch": ("dryRun", "fieldManager", "fieldValidation", "force"),
    "delete": ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"),
    "deletecollection": ("dryRun", "fieldSelector", "gracePeriodSeconds", "labelSelector"),
    "list": ("continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "watch"),
}


class OpenApi:
    """The documents below /openapi/v3. They are made when the first of them is asked for."""

    def __init__(self, strategies: Iterable[Strategy[Message]]) -> None:
        self._groups: dict[str, list[Strategy[Message]]] = {}
        for strategy in strategies:
            resource = strategy.resource
            root = f"apis/{resource.group}" if resource.group else "api"
            self._groups.setdefault(f"{root}/{resource.version}", []).append(strategy)

    @property
    def paths(self) -> list[str]:
        """Return the paths of the documents."""
        return [INDEX, *(f"{INDEX}/{root}" for root in self._groups)]

    def page(self, path: str) -> bytes | None:
        """Return a document in JSON, or None."""
        return self._pages.get(path) if path.startswith(INDEX) else None

    @cached_property
    def _pages(self) -> dict[str, bytes]:
        pages = {
            f"{INDEX}/{root}": json.dumps(_document(strategies)).encode()
            for root, strategies in self._groups.items()
        }
        index = {
            path.removeprefix(f"{INDEX}/"): {"serverRelativeURL": f"{path}?hash={_hash(page)}"}
            for path, page in pages.items()
        }
        pages[INDEX] = json.dumps({"paths": index}).encode()
        return pages


def _hash(page: bytes) -> str:
    """Return what changes with a document: clients keep it under its address."""
    return hashlib.sha256(page).hexdigest().upper()


def _document(strategies: list[Strategy[Message]]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for strategy in strategies:
        resource = strategy.resource
        collection = resource.path("{namespace}")
        served = {
            collection: _operations(strategy, COLLECTION_VERBS),
            f"{collection}/{{name}}": _operations(strategy, OBJECT_VERBS),
        }
        if resource.namespaced and "list" in strategy.verbs:
            served[resource.path()] = _operations(strategy, {"list": "get"})
        paths |= {path: operations for path, operations in served.items() if operations}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.32.0+kubedyno"},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas_of(each.resource for each in strategies)},
    }


def _operations(strategy: Strategy[Message], methods: dict[str, str]) -> dict[str, Any]:
    return {
        method: _operation(strategy, verb)
        for verb, method in methods.items()
        if verb in strategy.verbs
    }


def _operation(strategy: Strategy[Message], verb: str) -> dict[str, Any]:
    resource = strategy.resource
    message = resource.list_message if verb == "list" else resource.message
    assert message is not None, f"{resource.plural} cannot be listed"
    reference = {"$ref": f"#/components/schemas/{schema_name(message)}"}
    answer = {"description": "OK", "content": {"application/json": {"schema": reference}}}
    operation: dict[str, Any] = {
        "parameters": [_parameter(name) for name in PARAMETERS.get(verb, ())],
        "responses": {"200": answer},
        "x-kubernetes-action": ACTIONS.get(verb, verb),
        "x-kubernetes-group-version-kind": {
            "group": resource.group,
            "kind": resource.kind,
            "version": resource.version,
        },
    }
    if verb in {"create", "update"}:
        operation["requestBody"] = {"content": {"*/*": {"schema": reference}}}
    return operation


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
