"""What machine and software the numbers come from."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

from bench.results import Environment

LIBRARIES: Final = (
    "httptools",
    "lmdb",
    "msgspec",
    "orjson",
    "protobuf",
    "uvicorn",
    "uvloop",
)
GIT_TIMEOUT_S: Final = 10.0


def describe_environment() -> Environment:
    """Return the facts about this machine and interpreter, as they are now."""
    return Environment(
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        memory_mib=psutil.virtual_memory().total // (1024 * 1024),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions={name: _version(name) for name in LIBRARIES},
        git_revision=_git_revision(),
        load_average=round(os.getloadavg()[0], 2),
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _git_revision() -> str:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    try:
        revision = _git(root, "rev-parse", "HEAD")
        dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{revision}-dirty" if dirty else revision


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S
    )
    return done.stdout.strip()
