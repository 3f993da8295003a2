"""The rules of the layout, held against the source itself: see docs/ARCHITECTURE.md."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple

import pytest

from tests.source_tree import (
    PACKAGES,
    ROOT,
    Module,
    import_graph,
    imported,
    reached_from,
    read_modules,
)

Modules = dict[str, Module]

MAY_IMPORT: Final = {
    "serialization": frozenset[str](),
    "storage": frozenset({"serialization"}),
    "cluster": frozenset({"serialization", "storage"}),
    "bench": frozenset({"serialization", "storage", "cluster", "reports"}),
    "reports": frozenset[str](),
}
COMPOSITION_ROOT: Final = "cluster.processes"
OPEN_TO_SIBLINGS: Final = "cluster.client"
MAY_STORE: Final = ("cluster.apiserver", "cluster.processes")
OPEN_STORAGE: Final = "storage.clock"

BANNED_NAMES: Final = frozenset(
    {"util", "utils", "helper", "helpers", "common", "manager", "misc", "data", "info"}
)
FILE_LINES_MAX: Final = 600
FUNCTION_LINES_MAX: Final = 70


class Registry(NamedTuple):
    """A registry: the module that lists, the name of its list, the folders that it must cover."""

    module: str
    name: str
    folders: tuple[str, ...]
    whole: bool = False
    """It cannot be gone through thing by thing: its suite calls it."""


REGISTRIES: Final = (
    Registry("serialization.codecs.registry", "CODECS", ("serialization.codecs",)),
    Registry("storage.registry", "STORES", ("storage.memory", "storage.etcd3")),
    Registry("cluster.apiserver.registry", "served", ("cluster.apiserver.resources",)),
    Registry("cluster.apiserver.tables.registry", "PRINTERS", ("cluster.apiserver.tables",)),
    Registry("cluster.controllers.registry", "CONTROLLERS", ("cluster.controllers",)),
    Registry("cluster.scheduler.filters.registry", "FILTERS", ("cluster.scheduler.filters",)),
    Registry("cluster.scheduler.scores.registry", "SCORES", ("cluster.scheduler.scores",)),
    Registry("bench.scenarios.registry", "SCENARIOS", ("bench.scenarios",)),
    Registry("bench.measurements.registry", "measure", ("bench.measurements",), whole=True),
    Registry("bench.verdict.registry", "RULES", ("bench.verdict",)),
    Registry("bench.load.users.registry", "USERS", ("bench.load.users",)),
    Registry("bench.apibench.operations.registry", "OPERATIONS", ("bench.apibench.operations",)),
    Registry("bench.storebench.drivers.registry", "DRIVERS", ("bench.storebench.drivers",)),
    Registry("bench.generations.stations.registry", "STATIONS", ("bench.generations.stations",)),
    Registry("bench.commands.registry", "COMMANDS", ("bench.commands",)),
    Registry("reports.figures.registry", "FIGURES", ("reports.figures",)),
)
IDS: Final = [entry.module for entry in REGISTRIES]


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.fixture(scope="module")
def modules() -> Modules:
    """What is under the rules; read by these tests alone, since a tree takes half a gigabyte."""
    return read_modules()


@pytest.fixture(scope="module")
def tests() -> Modules:
    return read_modules(["tests"])


@pytest.fixture(scope="module")
def graph(modules: Modules) -> dict[str, set[str]]:
    return import_graph(modules)


def _first_party(names: Iterable[str]) -> Iterator[str]:
    return (name for name in sorted(names) if name.partition(".")[0] in MAY_IMPORT)


def _sibling(name: str) -> str:
    """Return ``cluster.scheduler`` of ``cluster.scheduler.queue``."""
    return ".".join(name.split(".")[:2])


def test_imports_between_the_rooms_point_one_way(modules: Modules) -> None:
    wrong = [
        f"{module.path} imports {name}"
        for module in modules.values()
        for name in _first_party(module.imports)
        if name.partition(".")[0] not in MAY_IMPORT[module.room] | {module.room}
    ]

    assert wrong == []


def test_siblings_of_the_cluster_know_only_the_client(modules: Modules) -> None:
    wrong = [
        f"{module.path} imports {name}"
        for module in modules.values()
        if module.room == "cluster" and not _within(module.name, COMPOSITION_ROOT)
        for name in _first_party(module.imports)
        if _within(name, "cluster") and name != "cluster"
        if _sibling(name) not in (_sibling(module.name), OPEN_TO_SIBLINGS)
    ]

    assert wrong == []


def test_only_the_api_server_and_the_processes_reach_into_storage(modules: Modules) -> None:
    wrong = [
        f"{module.path} imports {name}"
        for module in modules.values()
        if module.room == "cluster" and _sibling(module.name) not in MAY_STORE
        for name in _first_party(module.imports)
        if _within(name, "storage") and not _within(name, OPEN_STORAGE)
    ]

    assert wrong == []


def test_no_module_takes_part_in_a_cycle_of_imports(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def _guards_types(node: ast.If) -> bool:
    return any(
        "TYPE_CHECKING" in (getattr(each, "id", ""), getattr(each, "attr", ""))
        for each in ast.walk(node.test)
    )


def test_no_first_party_import_hides_behind_type_checking(modules: Modules, tests: Modules) -> None:
    wrong = [
        f"{module.path}:{node.lineno} hides {name}"
        for module in (modules | tests).values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and _guards_types(node)
        for name in _first_party(imported(node))
    ]

    assert wrong == []


def test_modules_are_called_by_what_they_hold(modules: Modules, tests: Modules) -> None:
    wrong = [
        str(module.path)
        for module in (modules | tests).values()
        if BANNED_NAMES.intersection(module.path.with_suffix("").parts)
        or module.path.stem.rpartition("_")[2] in BANNED_NAMES - {"data", "info"}
    ]

    assert wrong == []


def test_files_and_functions_stay_small(modules: Modules, tests: Modules) -> None:
    long_files = [
        f"{module.path}: {module.lines} lines"
        for module in (modules | tests).values()
        if module.lines > FILE_LINES_MAX
    ]
    long_functions = [
        f"{module.path}:{node.lineno} {node.name}: {length} lines"
        for module in (modules | tests).values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert long_files == []
    assert long_functions == []


def test_every_registry_is_known_here(modules: Modules) -> None:
    found = {name for name in modules if name.endswith(".registry")}

    assert found == set(IDS)


@pytest.mark.parametrize("entry", REGISTRIES, ids=IDS)
def test_no_file_of_a_registry_s_folder_is_unregistered(
    entry: Registry, modules: Modules, graph: dict[str, set[str]]
) -> None:
    reached = reached_from(entry.module, graph)
    assert set(entry.folders) <= set(modules)

    orphans = [
        str(module.path)
        for name, module in modules.items()
        if any(_within(name, folder) for folder in entry.folders)
        if name not in reached and module.path.name != "__init__.py"
        if entry.module not in reached_from(name, graph)  # then it uses the registry
    ]

    assert orphans == []


def _defines(module: Module, name: str) -> bool:
    return any(
        getattr(node, "name", None) == name
        or (isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name)
        for node in module.tree.body
    )


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _aliases(module: Module, name: str) -> set[str]:
    """Return the module's own names that are made of ``name``: ``CASES = sorted(CODECS)``."""
    known = {name}
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if _names_in(node.value) & known:
                known |= {word for target in targets for word in _names_in(target)}
    return known


def _loops_of_tests(module: Module) -> Iterator[ast.For]:
    for function in module.tree.body:
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
            yield from (each for each in ast.walk(function) if isinstance(each, ast.For))


def _runs_over(module: Module, entry: Registry) -> bool:
    """Return whether a test module has a parametrized test, a fixture or a loop over a registry."""
    if f"{entry.module}.{entry.name}" not in module.imports:
        return False
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    if entry.whole:
        return any(ast.unparse(call.func) == entry.name for call in calls)
    known = _aliases(module, entry.name)
    if any(_names_in(each.iter) & known for each in _loops_of_tests(module)):
        return True
    return any(
        _names_in(call) & known
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"parametrize", "fixture"}
    )


@pytest.mark.parametrize("entry", REGISTRIES, ids=IDS)
def test_every_registered_thing_is_reached_by_a_suite(
    entry: Registry, modules: Modules, tests: Modules
) -> None:
    assert _defines(modules[entry.module], entry.name)

    suites = [str(module.path) for module in tests.values() if _runs_over(module, entry)]

    assert suites, f"no test goes over {entry.module}.{entry.name}"


def test_the_rules_look_at_the_whole_tree(modules: Modules) -> None:
    assert set(PACKAGES) == set(MAY_IMPORT)
    assert {module.room for module in modules.values()} == set(PACKAGES)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == {*PACKAGES, "tests"}
