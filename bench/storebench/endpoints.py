"""The URL of a store as the drivers read it: ``etcd3://host:port[,host:port...]``."""

from __future__ import annotations

from typing import Final

SEPARATOR: Final = "://"
PORT_MAX: Final = 65535


class BadURLError(ValueError):
    """Not a URL of a store; the message is one line."""


def scheme_of(store: str) -> str:
    """Return ``etcd3`` of ``etcd3://...``; empty for the name of an engine."""
    return store.partition(SEPARATOR)[0] if SEPARATOR in store else ""


def endpoints_of(store: str) -> list[str]:
    """Return the addresses of a URL. Raises BadURLError."""
    if "@" in store:
        raise BadURLError("the URL of a store to be loaded names no user: plain connections only")
    found = store.partition(SEPARATOR)[2].rstrip("/").split(",")
    for each in found:
        host, _, port = each.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= PORT_MAX:
            raise BadURLError(f"{store!r}: {each!r} is no HOST:PORT")
    return found
