"""The Auth service of an etcd whose authentication is off: nobody gets a token.

Users and roles, which a real one lets be written down before it is turned on, there are none: their
methods are refused by name, as any that nobody has.
"""

from __future__ import annotations

from typing import Final

import grpc

from storage.serve.etcd3.errors import NO_AUTHENTICATION
from storage.serve.etcd3.methods import refused
from storage.serve.etcd3.serving import Serving

SERVICE: Final = "etcdserverpb.Auth"
METHODS: Final = ("Authenticate",)


def service(_serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service."""
    return grpc.method_handlers_generic_handler(
        SERVICE, {method: refused(NO_AUTHENTICATION) for method in METHODS}
    )
