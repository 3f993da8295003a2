"""How the API server reaches a node's kubelet: the address that its Node tells, over HTTP."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final

from cluster.apiserver.errors import StatusError, unreasoned
from cluster.client.exchange import Exchange, RequestTimeoutError
from cluster.client.interface import TransportError
from cluster.client.transport import HttpTransport, TransportOptions
from serialization.api.core.v1_pb2 import Node
from storage.clock import Clock

Dial = Callable[[str, Clock], Exchange]
"""Gives the way to a kubelet by its base URL; whoever asked for it closes it."""

PREFERRED: Final = ("InternalIP", "ExternalIP", "InternalDNS", "ExternalDNS", "Hostname")
"""Which of a node's addresses is taken: kubeadm's --kubelet-preferred-address-types."""


DEFAULT_PORT: Final = 10250
"""That of a kubelet whose node tells none."""

# A node's status is written by whoever may write it, and goes into a URL: host and nothing more.
_HOST: Final = re.compile(r"[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63})*\.?", re.ASCII)
_HOST_MAX: Final = 255


def dial_http(base_url: str, clock: Clock) -> Exchange:
    """Return a connection of its own, made when the first request is."""
    return HttpTransport(TransportOptions(base_url, max_connections=1), clock)


def kubelet_url(node: Node) -> str:
    """Return the base URL of a node's kubelet. Raises StatusError when it tells none."""
    addresses = node.status.addresses
    told = {each.type: each.address for each in reversed(addresses)}  # the first of each counts
    for kind in PREFERRED:
        if told.get(kind):
            host = told[kind]
            port = node.status.daemonEndpoints.kubeletEndpoint.Port or DEFAULT_PORT
            if not _is_host(host) or not 0 < port < 1 << 16:
                raise unreasoned(f"dial tcp: address {host}:{port}: no such host")
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    known = " ".join(f"{{{each.type} {each.address}}}" for each in addresses)
    raise unreasoned(f"no preferred addresses found; known addresses: [{known}]")


def _is_host(text: str) -> bool:
    if len(text) > _HOST_MAX:
        return False
    if ":" not in text:
        return _HOST.fullmatch(text) is not None
    try:
        return IPv6Address(text).scope_id is None
    except ValueError:
        return False


def unreachable(url: str, base_url: str, error: TransportError) -> StatusError:
    """Return the failure of a request that got no answer: 500 without a reason, as Go words it."""
    host = base_url.partition("//")[2]
    if isinstance(error, RequestTimeoutError):
        why = f"dial tcp {host}: i/o timeout"
    elif isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ECONNREFUSED:
        why = f"dial tcp {host}: connect: connection refused"
    else:
        why = str(error)
    return unreasoned(f'Get "{url}": {why}')
