"""What a request asks for when it is not a path: a whole URL, read as Go reads one."""

from __future__ import annotations

import re
from typing import Final

_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*:")
_HOST: Final = re.compile(rb"(?:\[[^\]]*\]|[A-Za-z0-9\-._~!$&'()*+,;=<>\"%]*)(?::[0-9]*)?")


def path_of(target: bytes, *, connects: bool = False) -> bytes | None:
    """Return the path, with its escapes, of a target that does not begin with a slash.

    None: it is none, and the request is none. Empty: it has none. ``connects``: the method is
    CONNECT, of which the target is an authority.

    >>> path_of(b"http://etcd:2379/v2/keys/a")
    b'/v2/keys/a'
    """
    if connects:
        rest = b"//" + target
    else:
        scheme = _SCHEME.match(target)
        if scheme is None:
            return None
        rest = target[scheme.end() :]
    if rest[:1] != b"/":
        return b""  # opaque, as of a mail address
    if rest[:2] != b"//":
        return rest
    authority, slash, path = rest[2:].partition(b"/")
    if _HOST.fullmatch(authority.rpartition(b"@")[2]) is None:
        return None
    return slash + path
