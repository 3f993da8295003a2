"""Compile the .proto sources into ``serialization/api`` (``make proto``), or check them.

The files call themselves ``kubedyno/...`` so that nothing collides in a process's descriptor pool;
the generated modules live in ``serialization.api``, so their imports are rewritten on the way.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import shutil
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

SOURCES = Path(__file__).parent
TARGET = SOURCES.parent / "api"
_IMPORT = re.compile(r"^(from|import) kubedyno\b", re.MULTILINE)
_REFERENCE = re.compile(r"\bkubedyno\.(?=[\w.]+_pb2\b)")
_INIT = '"""Generated from serialization/proto by ``make proto``: do not edit."""\n'


def compile_sources(target: Path) -> None:
    """Write the generated modules and their type stubs as a package tree under ``target``."""
    with tempfile.TemporaryDirectory() as scratch:
        files = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.proto"))
        well_known = Path(grpc_tools.__file__).parent / "_proto"
        arguments = ["protoc", f"-I{SOURCES}", f"-I{well_known}"]
        arguments += [f"--python_out={scratch}", f"--mypy_out=quiet:{scratch}", *files]
        if protoc.main(arguments) != 0:
            raise SystemExit(1)
        _adopt(Path(scratch) / "kubedyno", target)


def _adopt(generated: Path, target: Path) -> None:
    """Move generated files into the package ``serialization.api``, imports rewritten."""
    for path in sorted(generated.rglob("*_pb2.py*")):
        text = _IMPORT.sub(r"\1 serialization.api", path.read_text())
        if path.suffix == ".pyi":
            text = _REFERENCE.sub("serialization.api.", text)
        destination = target / path.relative_to(generated)
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_text(text)
    for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").write_text(_INIT)


def stale_files(current: Path, fresh: Path) -> list[str]:
    """Return the names that differ between the committed tree and a freshly generated one."""
    names = {str(p.relative_to(t)) for t in (current, fresh) for p in t.rglob("*.py*")}
    names = {name for name in names if not name.endswith(".pyc")}
    return [
        name
        for name in sorted(names)
        if not (current / name).exists()
        or not (fresh / name).exists()
        or not filecmp.cmp(current / name, fresh / name, shallow=False)
    ]


def main() -> int:
    """Generate, or with ``--check`` report what is stale (exit code 1)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    arguments = parser.parse_args()
    if not arguments.check:
        shutil.rmtree(TARGET, ignore_errors=True)
        compile_sources(TARGET)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        compile_sources(Path(scratch))
        stale = stale_files(TARGET, Path(scratch))
    if stale:
        sys.stderr.write("stale, run `make proto`: " + ", ".join(stale) + "\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
