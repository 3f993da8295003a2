"""Whose data stand in a directory: a store that is opened beside another's seems to be empty."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.child import ChildError

MEMBERS_FILE: Final = "members.json"
"""Beside the data of members that we started: who they are."""
REAL: Final = "real"
_ETCD3: Final = "db.lmdb"
_ETCD2: Final = "member"
FOREIGN: Final[Mapping[str, Mapping[str, str]]] = {
    REAL: {_ETCD3: "our own engine", _ETCD2: "our engine of etcd 2, or an etcd of others"},
    "etcd3": {
        _ETCD2: "our engine of etcd 2, or an etcd",
        MEMBERS_FILE: "members of a real etcd",
    },
    "etcd2": {_ETCD3: "our engine of etcd 3", MEMBERS_FILE: "members of a real etcd"},
}
"""By engine, files and directories that stand where it has never been, and whose they are."""


def refuse_others(data: Path, engine: str) -> None:
    """Raise ChildError where the data of another store are: they would seem to be lost."""
    for name, owner in FOREIGN.get(engine, {}).items():
        if (data / name).exists():
            raise ChildError(f"{data} holds the data of {owner}: there is a {name}")
