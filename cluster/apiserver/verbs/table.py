"""Which verb serves which method, by what the path names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cluster.apiserver.api import Verb
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import method_not_allowed, unknown_resource
from cluster.apiserver.verbs.binding import bind_any, bind_pod
from cluster.apiserver.verbs.create import create
from cluster.apiserver.verbs.delete import delete
from cluster.apiserver.verbs.delete_collection import delete_collection
from cluster.apiserver.verbs.get import get
from cluster.apiserver.verbs.list import list_objects
from cluster.apiserver.verbs.log import read_log
from cluster.apiserver.verbs.patch import patch, patch_status
from cluster.apiserver.verbs.scale import get_scale, patch_scale, update_scale
from cluster.apiserver.verbs.status import finalize, update_status
from cluster.apiserver.verbs.update import update
from cluster.apiserver.verbs.watch import watch_objects
from serialization.kinds import BINDINGS


class Served(NamedTuple):
    """A verb: its name in discovery, its name in metrics, and what serves it."""

    name: str
    label: str
    serve: Verb
    long: bool = False
    """It runs for as long as it is asked to: it has no deadline, and takes no place in flight."""


GET: Final = Served("get", "GET", get)
BIND: Final = Served("create", "POST", bind_any)

OBJECT: Final = {
    "GET": GET,
    "PUT": Served("update", "PUT", update),
    "PATCH": Served("patch", "PATCH", patch),
    "DELETE": Served("delete", "DELETE", delete),
}
LIST: Final = Served("list", "LIST", list_objects)
WATCH: Final = Served("watch", "WATCH", watch_objects, long=True)
COLLECTION: Final = {
    "GET": LIST,
    "POST": Served("create", "POST", create),
    "DELETE": Served("deletecollection", "DELETECOLLECTION", delete_collection),
}
OLD_WATCH: Final = {"GET": WATCH}
SUBRESOURCES: Final = {
    "status": {
        "GET": GET,
        "PUT": Served("update", "PUT", update_status),
        "PATCH": Served("patch", "PATCH", patch_status),
    },
    "scale": {
        "GET": Served("get", "GET", get_scale),
        "PUT": Served("update", "PUT", update_scale),
        "PATCH": Served("patch", "PATCH", patch_scale),
    },
    "binding": {"POST": Served("create", "POST", bind_pod)},
    "log": {"GET": Served("get", "GET", read_log, long=True)},
    "finalize": {"PUT": Served("update", "PUT", finalize)},
}


def find_verb(call: Call) -> Served:
    """Return what serves a call. Raises StatusError: 404 for a path, 405 for a method."""
    route, strategy = call.route, call.strategy
    resource = strategy.resource
    table: Mapping[str, Served] | None
    if route.verb and not route.subresource:
        table = OLD_WATCH
    elif route.subresource:
        table = SUBRESOURCES.get(route.subresource)
        if table is None or route.subresource not in resource.subresources:
            raise unknown_resource()
    elif route.name:
        table = OBJECT
    else:
        table = COLLECTION
    _check_scope(call)
    served = table.get(call.method)
    if served is None:
        raise method_not_allowed()
    if served is LIST and call.flag("watch"):
        served = WATCH
    if resource is BINDINGS and served.name == "create":
        return BIND
    if not route.subresource and served.name not in strategy.verbs:
        raise method_not_allowed()
    return served


def _check_scope(call: Call) -> None:
    """Refuse a namespace on what has none, and an object of a namespace without one."""
    route = call.route
    if bool(route.namespace) is call.strategy.resource.namespaced:
        return
    if route.namespace or route.name:
        raise unknown_resource()
    if call.method != "GET":
        raise method_not_allowed()
