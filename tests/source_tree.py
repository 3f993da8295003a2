"""The source as its text tells it: modules, what each imports, without importing any of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("serialization", "storage", "cluster", "bench", "reports")
GENERATED: Final = Path("serialization/api")


@dataclass(frozen=True)
class Module:
    """A module: its dotted name, its path from the root, its syntax tree, what it imports."""

    name: str
    path: Path
    tree: ast.Module
    imports: frozenset[str]
    lines: int

    @property
    def room(self) -> str:
        """The top-level package that it is of."""
        return self.name.partition(".")[0]


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_modules(folders: Iterable[str] = PACKAGES, root: Path = ROOT) -> dict[str, Module]:
    """Read every module of the folders that was not generated, by its dotted name."""
    found = {}
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            path = file.relative_to(root)
            if not path.is_relative_to(GENERATED):
                source = file.read_text(encoding="utf-8")
                tree = ast.parse(source, filename=str(path))
                names = frozenset(imported(tree))
                found[_name(path)] = Module(_name(path), path, tree, names, source.count("\n"))
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that code imports anywhere in it; ``from a import b`` is a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(module: Module, modules: dict[str, Module]) -> set[str]:
    """Return the modules of ``modules`` that a module names in its imports."""
    return {name for name in module.imports if name in modules and name != module.name}


def import_graph(modules: dict[str, Module]) -> dict[str, set[str]]:
    """Return, for every module, the modules that it names in its imports."""
    return {name: imports_of(module, modules) for name, module in modules.items()}


def reached_from(start: str, graph: dict[str, set[str]]) -> set[str]:
    """Return every module that importing ``start`` brings in, through however many others."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(graph[name])
    return reached
