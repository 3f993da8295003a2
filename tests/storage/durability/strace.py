"""Runs a program under strace and reads what it did to its files, in order.

strace handles the stops of all threads one after another, and a thread goes on only when its stop
has been written down: what happens because a call returned stands behind the line of its return.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

CALLS = (
    "openat,open,creat,close,dup,dup2,dup3,lseek,mmap,write,writev,pwrite64,pwritev,pwritev2,"
    "ftruncate,truncate,fallocate,sendfile,copy_file_range,fsync,fdatasync,sync_file_range,msync,"
    "rename,renameat,renameat2,unlink,unlinkat,link,linkat,mkdir,mkdirat,io_uring_setup,io_submit"
)

_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)")
_RESULT = re.compile(r"\) += (-?\d+|0x[0-9a-f]+|\?)[^=\"]*$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_UNFINISHED = " <unfinished ...>"


class Call(NamedTuple):
    """One system call. ``enter`` and ``leave`` are places in the order of all of them."""

    name: str
    arguments: str
    """As strace writes them, the strings taken out."""
    strings: tuple[bytes, ...]
    result: int | None
    """None: the program ended within the call."""
    enter: int
    leave: int


class StraceError(Exception):
    """The trace cannot be read, or the program failed."""


def missing() -> str:
    """Return why nothing can be traced here; empty when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False
    )
    return "" if tried.returncode == 0 else f"strace: {tried.stderr.decode().strip()}"


def run(command: Sequence[str], trace: Path, *, options: Sequence[str] = (), cwd: Path) -> bytes:
    """Run ``command`` to its end, its calls recorded in ``trace``; return its standard output."""
    strace = ["strace", "-f", "-v", "-xx", "-s", "100000000", "-o", str(trace), *options]
    done = subprocess.run([*strace, *command], capture_output=True, check=False, cwd=cwd)
    if done.returncode:
        raise StraceError(f"exit {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done.stdout


def calls(trace: Path) -> Iterator[Call]:
    """Yield the calls of a trace in the order in which they began."""
    begun: dict[str, tuple[str, str, int]] = {}
    done: list[Call] = []
    with trace.open(encoding="ascii") as lines:
        for number, line in enumerate(lines):
            found = _LINE.match(line.rstrip("\n"))
            if found is None:
                continue
            thread, resumed, name, rest = found.groups()
            if resumed:
                name, start, at = begun.pop(thread)
                done.append(_call(name, start + rest, at, 2 * number))
            elif rest.endswith(_UNFINISHED):
                begun[thread] = (name, rest.removesuffix(_UNFINISHED), 2 * number)
            else:
                done.append(_call(name, rest, 2 * number, 2 * number + 1))
    done += [_call(name, start, at, 1 << 60) for name, start, at in begun.values()]
    yield from sorted(done, key=lambda call: call.enter)


def _call(name: str, text: str, enter: int, leave: int) -> Call:
    result = _RESULT.search(text)
    value = None
    if result is not None:
        text = text[: result.start()]
        value = None if result[1] == "?" else int(result[1], 0)
    strings: list[bytes] = []

    def take(match: re.Match[str]) -> str:
        if match[2]:
            raise StraceError(f"{name}: a string was cut short")
        strings.append(bytes.fromhex(match[1].replace("\\x", "")))
        return "$"

    return Call(name, _STRING.sub(take, text), tuple(strings), value, enter, leave)
