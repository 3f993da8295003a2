"""The Auth service of an etcd whose authentication is off: every method says so."""

from __future__ import annotations

from typing import Final

import grpc

from storage.serve.etcd3.errors import NO_AUTHENTICATION
from storage.serve.etcd3.methods import refused
from storage.serve.etcd3.serving import Serving

SERVICE: Final = "etcdserverpb.Auth"
METHODS: Final = (
    "Authenticate",
    "AuthEnable",
    "AuthDisable",
    "UserAdd",
    "UserGet",
    "UserList",
    "UserDelete",
    "UserChangePassword",
    "UserGrantRole",
    "UserRevokeRole",
    "RoleAdd",
    "RoleGet",
    "RoleList",
    "RoleDelete",
    "RoleGrantPermission",
    "RoleRevokePermission",
)
"""A real one lets users and roles be written down before it is turned on; here it cannot be."""


def service(_serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service."""
    return grpc.method_handlers_generic_handler(
        SERVICE, {method: refused(NO_AUTHENTICATION) for method in METHODS}
    )
