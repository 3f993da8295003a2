"""How the keys of a ``Store`` stand in the tree of etcd 2: a key is the path of a leaf.

``/registry/pods/a`` is the leaf of that path below ``KEYS``. A tree cannot hold every key: what
cannot be a path is refused, and so is a name that begins with ``_``, since listings and watches
from above would leave it out. (That no leaf stands below a leaf is for the store to check.)
"""

from __future__ import annotations

from typing import Final, NamedTuple

from storage.errors import UnsupportedError
from storage.etcd2.model import KEYS

_BELOW: Final = KEYS + "/"

_SPOILT: Final = ("//", "/./", "/../", "/_")
"""What a path that ends in a slash must not contain."""


def path_of(key: bytes) -> str:
    """Return the path of a key's leaf. Raises UnsupportedError."""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        raise _unsupported(key, "it is not UTF-8 text") from None
    if text[:1] != "/":
        raise _unsupported(key, "it does not begin with a slash")
    closed = text + "/"
    for spoilt in _SPOILT:
        if spoilt in closed:
            raise _unsupported(key, "it has a part that is empty, '.', '..' or begins with '_'")
    return KEYS + text


def key_of(path: str) -> bytes:
    """Return the key whose leaf stands at a path below ``KEYS``."""
    return path[len(KEYS) :].encode()


def text_of(key: bytes, value: bytes) -> str:
    """Return a value as the text that it has to be. Raises UnsupportedError."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise UnsupportedError(
            f"etcd 2 cannot hold the value of the key {_shown(key)}: it is not UTF-8 text"
        ) from None


class Prefix(NamedTuple):
    """Where the keys stand that begin with some bytes."""

    directory: str
    """The path of the directory that holds them all."""
    key_bytes: bytes
    """The prefix itself, which they are held against where ``whole`` is False."""
    whole: bool
    """Every key in the directory begins with it."""


def prefix_of(prefix: bytes) -> Prefix | None:
    """Return where the keys under a prefix stand; None if no path can begin with it."""
    if prefix[:1] not in (b"", b"/"):
        return None
    directory, slash, name = prefix.rpartition(b"/")
    try:
        path = KEYS + directory.decode()
    except UnicodeDecodeError:
        return None
    spoilt = any(each in path + "/" for each in _SPOILT)
    return None if spoilt else Prefix(path, prefix, whole=not (slash and name))


def below(path: str) -> bool:
    """Return whether a path is that of something in ``KEYS`` which is not hidden."""
    return path.startswith(_BELOW) and "/_" not in path


def _unsupported(key: bytes, reason: str) -> UnsupportedError:
    return UnsupportedError(f"the tree of etcd 2 cannot hold the key {_shown(key)}: {reason}")


def _shown(key: bytes) -> str:
    return key.decode(errors="backslashreplace")
