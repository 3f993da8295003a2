"""Aggregated discovery: all groups of /api or /apis in one document (apidiscovery.k8s.io/v2).

Clients that ask for it need two requests, not one a group version; the others get the documents
that this one is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

MEDIA_TYPE: Final = b"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_WANTED: Final = {"g=apidiscovery.k8s.io", "v=v2", "as=apigroupdiscoverylist"}


def asks_for_aggregated(accept: str) -> bool:
    """Tell whether the first media type that an Accept header names in JSON is the aggregated."""
    for media_range in accept.lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        if name == "application/json":
            return set(parameters) >= _WANTED
    return False


def aggregated(lists: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the document of APIResourceLists, which come in the order of their groups."""
    items: dict[str, dict[str, Any]] = {}
    for page in lists:
        group, _, version = page["groupVersion"].rpartition("/")
        item = items.setdefault(
            group, {"metadata": {"name": group} if group else {}, "versions": []}
        )
        item["versions"].append(
            {
                "version": version,
                "resources": _resources(page["resources"]),
                "freshness": "Current",
            }
        )
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": list(items.values()),
    }


def _resources(listed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the resources, each with its subresources, which follow it in ``listed``."""
    found: dict[str, dict[str, Any]] = {}
    for entry in listed:
        name, _, subresource = entry["name"].partition("/")
        kind = {
            "group": entry.get("group", ""),  # empty: the group and version around it
            "version": entry.get("version", ""),
            "kind": entry["kind"],
        }
        if subresource:
            told = {"subresource": subresource, "responseKind": kind, "verbs": entry["verbs"]}
            found[name].setdefault("subresources", []).append(told)
            continue
        found[name] = {
            "resource": name,
            "responseKind": kind,
            "scope": "Namespaced" if entry["namespaced"] else "Cluster",
            "singularResource": entry["singularName"],
            "verbs": entry["verbs"],
        }
        for optional in ("shortNames", "categories"):
            if optional in entry:
                found[name][optional] = entry[optional]
    return list(found.values())
