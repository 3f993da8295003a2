"""The routes of Kubernetes are regular, so one small function reads them all; no web framework.

==========================================  =====================================
``/api/v1/nodes/n1/status``                 cluster-scoped object, subresource
``/api/v1/namespaces/ns/pods/p``            object in a namespace
``/apis/apps/v1/deployments``               collection over all namespaces
``/api/v1/namespaces/ns/status``            subresource of the namespace itself
``/api/v1/watch/nodes``                     a watch, as before ``?watch=1``
==========================================  =====================================
"""

from __future__ import annotations

from typing import NamedTuple


class Route(NamedTuple):
    """What a path below ``/api`` or ``/apis`` names; empty strings for what it does not."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    verb: str = ""
    """``watch`` where the path asks for one in the old style, behind the version."""


NAMESPACE_SUBRESOURCES = frozenset(("status", "finalize"))
"""After ``/namespaces/NAME/`` these are subresources; anything else is a resource within."""


def parse_route(path: str) -> Route | None:
    """Return what ``path`` names, or None for a path that names no resource (hot path)."""
    parts = path.split("/")
    if (  # what is in a namespace of the core group: nearly every request
        5 < len(parts) < 9
        and parts[3] == "namespaces"
        and parts[1] == "api"
        and parts[-1]
        and parts[5] not in NAMESPACE_SUBRESOURCES
    ):
        return Route("", parts[2], parts[5], parts[4], *parts[6:])
    if len(parts) > 3 and parts[1] == "api":
        group, version, rest = "", parts[2], parts[3:]
    elif len(parts) > 4 and parts[1] == "apis":
        group, version, rest = parts[2], parts[3], parts[4:]
    else:
        return None
    if rest[-1] == "":
        del rest[-1]
    namespace = verb = ""
    if len(rest) > 1 and rest[0] == "watch":
        verb = rest.pop(0)
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in NAMESPACE_SUBRESOURCES:
        namespace = rest[1]
        del rest[:2]
    if 1 <= len(rest) <= 3:
        route = Route(group, version, rest[0], namespace, *rest[1:])
        return route._replace(verb=verb) if verb else route
    return None
