"""What ``--store`` may be, as results and cells name it.

A name in ``STORES`` (in the API server's own process; with several API servers served by a process
of its own); ``etcd3-real`` or ``etcd3-real3`` (as many members of the real etcd, started for the
run), and ``etcd2-real`` and so on for the same program spoken to by its v2 protocol; or the URL of
one that runs already.
"""

from __future__ import annotations

import re
from typing import Final

REAL: Final = "etcd3-real"
MEMBERS_MAX: Final = 7
"""As etcd advises; more only cost."""
REALS: Final = (REAL, "etcd2-real")
USUAL_GENERATION: Final = 3
_REAL: Final = re.compile(r"etcd[23]-real(\d*)")
_GENERATION: Final = re.compile(r"etcd([23])(-real\d*|(\+unix)?://.*)?")
_LOGIN: Final = re.compile(r"(?<=://)[^/@]*@")


def real_store(members: int, generation: int = USUAL_GENERATION) -> str:
    """Return the name of a store of so many members of our own starting.

    >>> real_store(1), real_store(3, 2)
    ('etcd3-real', 'etcd2-real3')
    """
    return f"etcd{generation}-real" + (str(members) if members > 1 else "")


def generation_of(store: str) -> int:
    """Return which etcd's protocol, or engine, it is: 2 or 3; 0 for neither.

    >>> generation_of("etcd2-real3"), generation_of("etcd3://a:1"), generation_of("memory")
    (2, 3, 0)
    """
    match = _GENERATION.fullmatch(store)
    return int(match[1]) if match else 0


def real_members(store: str) -> int:
    """Return how many members a store is to be started with; 0: it is none of those.

    >>> real_members("etcd3-real"), real_members("etcd2-real3"), real_members("etcd3")
    (1, 3, 0)
    """
    match = _REAL.fullmatch(store)
    return int(match[1] or 1) if match else 0


def compacts(store: str) -> bool:
    """Say whether a store forgets what it is asked to forget: etcd 2 has its bound instead.

    >>> compacts("etcd3-real"), compacts("etcd2://a:1")
    (True, False)
    """
    return generation_of(store) != 2


def is_url(store: str) -> bool:
    """Say whether it is the URL of a store that others run."""
    return "://" in store


def is_part(store: str) -> bool:
    """Say whether a store is a part of one that others run: the rest of its keys is not told of.

    >>> is_part("etcd3://a:2379?prefix=/mine"), is_part("etcd3://a:2379"), is_part("etcd3")
    (True, False, False)
    """
    return is_url(store) and "prefix=" in store.partition("?")[2]


def store_word(store: str) -> str:
    """Return what a cell's name says of it: no login, no options.

    >>> store_word("etcd3://me@10.0.0.1:2379,10.0.0.2:2379?batch=on")
    'etcd3-10.0.0.1-2379,10.0.0.2-2379'
    """
    place = _LOGIN.sub("", store).partition("?")[0] if is_url(store) else store
    return place.replace("://", "-").replace(":", "-")
