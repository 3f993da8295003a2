"""Discovery: which groups, versions and resources there are, made once from the registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import Message

from cluster.apiserver.aggregated import aggregated
from cluster.apiserver.openapi import OpenApi
from cluster.apiserver.registry import Registry
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.verbs.scale import SCALE_TYPE
from cluster.apiserver.verbs.table import SUBRESOURCES
from serialization.scheme import Resource

_VERSIONS: Final = {"apiVersion": "v1"}


class Discovery:
    """The documents of /api and /apis, in JSON."""

    def __init__(self, registry: Registry) -> None:
        groups: dict[tuple[str, str], list[Strategy[Message]]] = {}
        for strategy in registry:
            resource = strategy.resource
            groups.setdefault((resource.group, resource.version), []).append(strategy)
        pages: dict[str, Any] = {
            "/api": {
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [],
            },
            "/apis": {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(*name) for name in groups if name[0]],
            },
        }
        for (group, version), strategies in groups.items():
            base = f"/apis/{group}" if group else "/api"
            if group:
                pages[base] = {"kind": "APIGroup", "apiVersion": "v1", **_group(group, version)}
            pages[f"{base}/{version}"] = _resource_list(group, version, strategies)
        # Another form of two of the pages, for clients that ask for it.
        self._aggregated = {
            base: json.dumps(aggregated(_lists(pages, base))).encode() for base in ("/api", "/apis")
        }
        self._openapi = OpenApi(registry)
        beside = ("/healthz", "/livez", "/metrics", "/readyz", "/version")
        pages["/"] = {"paths": sorted([*pages, *self._openapi.paths, *beside])}
        self._pages = {path: json.dumps(page).encode() for path, page in pages.items()}

    def aggregated(self, path: str) -> bytes | None:
        """Return the aggregated form of a document, or None where it has none."""
        return self._aggregated.get(path)

    def page(self, path: str) -> bytes | None:
        """Return a document, or None."""
        return self._pages.get(path) or self._openapi.page(path)


def _lists(pages: Mapping[str, Any], base: str) -> list[Mapping[str, Any]]:
    """Return the APIResourceLists below a path, in their order."""
    below = (page for path, page in pages.items() if path.startswith(f"{base}/"))
    return [page for page in below if page["kind"] == "APIResourceList"]


def _group(group: str, version: str) -> Mapping[str, object]:
    served = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [served], "preferredVersion": served}


def _resource_list(
    group: str, version: str, strategies: list[Strategy[Message]]
) -> Mapping[str, object]:
    resources: list[Mapping[str, object]] = []
    for strategy in sorted(strategies, key=lambda each: each.resource.plural):
        resources.append(_resource(strategy))
        resources += [
            _subresource(strategy.resource, name)
            for name in strategy.resource.subresources
            if name in SUBRESOURCES
        ]
    return {
        "kind": "APIResourceList",
        **(_VERSIONS if group else {}),
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def _resource(strategy: Strategy[Message]) -> Mapping[str, object]:
    resource = strategy.resource
    entry: dict[str, object] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": sorted(strategy.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return entry


def _subresource(resource: Resource, name: str) -> Mapping[str, object]:
    verbs = sorted(served.name for served in SUBRESOURCES[name].values())
    entry: dict[str, object] = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": "Binding" if name == "binding" else resource.kind,
        "verbs": verbs,
    }
    if name == "scale":
        group, _, version = SCALE_TYPE.api_version.rpartition("/")
        entry |= {"group": group, "version": version, "kind": SCALE_TYPE.kind}
    return entry
