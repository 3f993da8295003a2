"""Bound sockets by their addresses, with the reason where there can be none."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

UNIX: Final = "unix:"
PORT_MAX: Final = 65535
ANY_IPV6: Final = "::"


class BindError(Exception):
    """The address cannot be listened on; the message is one line."""


def bind(target: str) -> list[socket.socket]:
    """Bind ``HOST:PORT``, at all addresses of the host, or ``unix:PATH``. Raises BindError."""
    if target.startswith(UNIX):
        return [_bind_path(path_of(target))]
    host, _, port = target.rpartition(":")
    if not (port.isascii() and port.isdecimal()) or int(port) > PORT_MAX:
        raise BindError(f"cannot listen on {target!r}: no such port")
    bound: list[socket.socket] = []
    number = int(port)
    try:
        found = socket.getaddrinfo(
            host.strip("[]"), number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, place in dict.fromkeys(found):
            bound.append(_bound(family, (place[0], number, *place[2:])))
            number = bound[0].getsockname()[1]  # a free port is the same at all addresses
    except OSError as error:
        for each in bound:
            each.close()
        raise BindError(f"cannot listen on {target!r}: {error.strerror}") from error
    return bound


def path_of(target: str) -> Path:
    """Return the path of ``unix:PATH`` or ``unix://PATH``."""
    return Path(target.removeprefix(UNIX).removeprefix("//"))


def unbind(target: str, sockets: list[socket.socket]) -> None:
    """Close sockets, whoever has closed them before, and remove the file of one that had any."""
    for each in sockets:
        each.close()
    if target.startswith(UNIX):
        path_of(target).unlink(missing_ok=True)


def _bound(family: int, place: tuple[str | int, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if family == socket.AF_INET6:  # "[::]" means every address, those of IPv4 among them
            only = place[0] != ANY_IPV6
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        made.bind(place)
    except OSError:
        made.close()
        raise
    return made


def _bind_path(path: Path) -> socket.socket:
    if path.exists() and not path.is_socket():
        raise BindError(f"cannot listen on {path}: it is something else than a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            if not path.parent.is_dir():
                raise BindError(f"cannot listen on {path}: no such directory") from None
        except OSError as error:
            raise BindError(f"cannot listen on {path}: {error.strerror or error}") from error
        else:
            raise BindError(f"cannot listen on {path}: Address already in use")
    path.unlink(missing_ok=True)  # left behind by somebody who is gone
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    return made
