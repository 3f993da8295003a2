"""The writer's file operations as a disk sees them, and its acknowledgements, in one order."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from tests.storage.durability import strace
from tests.storage.durability.strace import Call, StraceError

REPOSITORY = Path(__file__).parents[3]
SESSIONS = 3
"""How often the recorded writer opens and closes its store."""

PIPE = 1
"""The descriptor on which the writer reports."""


BY_PATH = (
    "open",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "truncate",
)


class Op(NamedTuple):
    """One operation; places are those of ``Call``. An operation that failed is not here."""

    kind: str
    """Of ``file``: write, truncate, extend, sync; of ``path``: create, rename, unlink, mkdir,
    syncdir."""
    enter: int
    leave: int
    file: int = 0
    """Which file, by the order of their making: it keeps its number when it is renamed."""
    path: str = ""
    target: str = ""
    """The new path of a rename."""
    offset: int = 0
    payload: bytes = b""
    through: bool = False
    """A write that is synced when it returns (O_DSYNC)."""


@dataclass
class Descriptor:
    """An open file of the data directory."""

    file: int
    path: str
    dsync: bool
    directory: bool
    position: int = 0


@dataclass
class Recording:
    """Everything below the data directory, and the lines that were reported."""

    root: str
    ops: list[Op] = field(default_factory=list)
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    """(place at which the system call began, line)"""
    _names: dict[str, int] = field(default_factory=dict)
    _renamed: dict[str, int] = field(default_factory=dict)
    _open: dict[int, Descriptor] = field(default_factory=dict)
    _files: int = 0

    def file_at(self, name: str) -> int:
        """Return which file stands below the data directory under ``name`` at the end."""
        return self._names[f"{self.root}/{name}"]

    def files_in(self, folder: str, suffix: str) -> set[int]:
        """Return which files ever stood in a folder below the data directory, by their suffix."""
        above = f"{self.root}/{folder}/"
        return {
            op.file if op.kind == "create" else self._renamed[op.target]
            for op in self.ops
            if (path := op.target if op.kind == "rename" else op.path).startswith(above)
            and path.endswith(suffix)
            and op.kind in ("create", "rename")
        }

    def without(self, kind: str) -> Recording:
        """Return it as if operations of one kind had never been done."""
        return replace(self, ops=[op for op in self.ops if op.kind != kind])

    def take(self, call: Call) -> None:
        """Take the next call. Raises StraceError for what the disk's model does not know."""
        if call.result is not None and call.result < 0:
            return
        name = "open" if call.name in ("openat", "creat") else call.name
        if name == "write" and _descriptor(call) == PIPE:
            self.lines += [(call.enter, line) for line in call.strings[0].splitlines()]
            return
        if call.strings and name in BY_PATH:
            path = os.fsdecode(call.strings[0])
        elif (found := self._open.get(_descriptor(call))) is not None:
            self._descriptor_call(name, call, found)
            return
        elif name == "mmap":
            self._mapped(call)
            return
        else:
            return
        if path.startswith(self.root) or path == os.path.dirname(self.root):
            self._path_call(name, call, path)

    def _path_call(self, name: str, call: Call, path: str) -> None:
        place = (call.enter, call.leave)
        if name == "open":
            self._opened(call, path)
        elif name.startswith("mkdir"):
            self.ops.append(Op("mkdir", *place, path=path))
        elif name.startswith("unlink"):
            self._names.pop(path)
            self.ops.append(Op("unlink", *place, path=path))
        elif name.startswith("rename"):
            target = os.fsdecode(call.strings[1])
            self._names[target] = self._renamed[target] = self._names.pop(path)
            self.ops.append(Op("rename", *place, path=path, target=target))
        else:
            raise StraceError(f"{name} of {path} is not modelled")

    def _opened(self, call: Call, path: str) -> None:
        if call.result is None:
            return
        flags = call.arguments
        directory = "O_DIRECTORY" in flags
        if path not in self._names and not directory:
            self._files += 1
            self._names[path] = self._files
            self.ops.append(Op("create", call.enter, call.leave, self._files, path))
        if "O_TRUNC" in flags or "O_APPEND" in flags:
            raise StraceError(f"{flags} of {path} is not modelled")
        dsync = "O_DSYNC" in flags or "O_SYNC" in flags
        file = self._names.get(path, 0)
        self._open[call.result] = Descriptor(file, path, dsync, directory)

    def _descriptor_call(self, name: str, call: Call, found: Descriptor) -> None:
        place = (call.enter, call.leave)
        if name == "close":
            del self._open[_descriptor(call)]
        elif name == "lseek":
            found.position = call.result or 0
        elif name in ("fsync", "fdatasync"):
            kind = "syncdir" if found.directory else "sync"
            self.ops.append(Op(kind, *place, file=found.file, path=found.path))
        elif name == "ftruncate":
            size = int(call.arguments.split(",")[1])
            self.ops.append(Op("truncate", *place, file=found.file, offset=size))
        elif name == "fallocate":
            offset, size = map(int, call.arguments.split(",")[2:])
            self.ops.append(Op("extend", *place, file=found.file, offset=offset + size))
        elif name in ("write", "writev", "pwrite64"):
            self._written(name, call, found)
        else:
            raise StraceError(f"{name} of {found.path} is not modelled")

    def _written(self, name: str, call: Call, found: Descriptor) -> None:
        payload = b"".join(call.strings)[: call.result]
        offset = found.position
        if name == "pwrite64":
            offset = int(call.arguments.rsplit(",", 1)[1])
        else:
            found.position += len(payload)
        place = (call.enter, call.leave)
        op = Op("write", *place, found.file, found.path, "", offset, payload, found.dsync)
        self.ops.append(op)

    def _mapped(self, call: Call) -> None:
        """Refuse a file that is written through memory, where no call shows it; but for locks."""
        words = [word.strip() for word in call.arguments.split(",")]
        found = self._open.get(int(words[4])) if len(words) > 4 else None
        if found is None or found.path.endswith("-lock"):
            return
        if "PROT_WRITE" in words[2] and "MAP_SHARED" in words[3]:
            raise StraceError(f"{found.path} is mapped for writing")


def _descriptor(call: Call) -> int:
    head = call.arguments.partition(",")[0]
    return int(head) if head.lstrip("-").isdigit() else -1


def record(folder: Path, *, writes: int, seed: int, sync: bool, store: str = "etcd3") -> Recording:
    """Record a writer of ``writes`` writes in ``SESSIONS`` openings of ``folder / "data"``."""
    # Syncs that return late: an acknowledgement that does not wait for its own is seen.
    slow = "inject=fdatasync:delay_exit=300"
    command = [sys.executable, "-m", "tests.storage.durability", "--seed", str(seed)]
    command += ["--store", store]
    command += ["--data-dir", str(folder / "data"), *([] if sync else ["--no-sync"])]
    trace = folder / "trace"
    options = ["-e", f"trace={strace.CALLS}", "-e", slow]
    strace.run([*command, "write", "--writes", str(writes)], trace, options=options, cwd=REPOSITORY)
    recording = Recording(str(folder / "data"))
    for call in strace.calls(trace):
        recording.take(call)
    return recording
