"""The layout of the code: what ARCHITECTURE.md says of packages, modules and imports."""

import ast
import importlib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_MODULES, MAX_PACKAGES, MAX_LINES, MIN_LINES = 4, 22, 400, 40
# Their modules are called by nobody but pytest and the shell.
TOP = {"plugin", "cli"}


def modules():
    """Every module of mi_checks with its file."""
    files = sorted((ROOT / "mi_checks").rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(file, known):
    """The modules of mi_checks that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mi_checks":
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield module if module in known else node.module


@pytest.fixture(scope="module")
def graph():
    known = modules()
    return {module: set(imports(file, known)) for module, file in known.items()}


def is_package(module):
    return modules()[module].name == "__init__.py"


def test_few_modules_and_packages_stand_at_the_top():
    inside = [entry for entry in (ROOT / "mi_checks").iterdir() if entry.name != "__pycache__"]
    assert len([entry for entry in inside if entry.suffix == ".py"]) <= MAX_MODULES
    assert len([entry for entry in inside if entry.is_dir()]) <= MAX_PACKAGES


def test_no_module_is_too_long():
    lengths = {module: len(file.read_text(encoding="utf-8").splitlines()) for module, file in modules().items()}
    assert {module: lines for module, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_small_module_serves_its_neighbour_alone(graph):
    importers = {module: [other for other, named in graph.items() if module in named] for module in graph}
    for module, file in modules().items():
        if is_package(module) or len(file.read_text(encoding="utf-8").splitlines()) >= MIN_LINES:
            continue
        folders = [other.rpartition(".")[0] for other in importers[module]]
        assert folders != [module.rpartition(".")[0]], f"{module} can be part of {importers[module][0]}"


def test_every_name_occurs_once():
    names = Counter(module.rpartition(".")[2] for module in modules() if not is_package(module))
    assert [name for name, count in names.items() if count > 1] == []


def test_there_is_no_circle(graph):
    """Not even one that is hidden in functions or behind TYPE_CHECKING."""
    done, open_ = set(), []

    def visit(module):
        assert module not in open_, " → ".join([*open_[open_.index(module) :], module])
        if module in done:
            return
        open_.append(module)
        for other in sorted(graph.get(module, ())):
            visit(other)
        done.add(open_.pop())

    for module in graph:
        visit(module)


def test_packages_import_what_other_packages_offer(graph):
    for module, named in graph.items():
        own = module.split(".")[1] if "." in module else ""
        for other in named:
            parts = other.split(".")
            if len(parts) < 3 or parts[1] in {own, *TOP}:
                continue
            offered = importlib.import_module(f"mi_checks.{parts[1]}").__all__
            assert ".".join(parts[2:]) in offered, (
                f"{module} imports {other}, which is no part of what mi_checks.{parts[1]} offers"
            )


def test_what_is_offered_is_there_and_wanted(graph):
    wanted = {other for named in graph.values() for other in named}
    for module in modules():
        if is_package(module) and module.count(".") == 1 and module.split(".")[1] not in TOP:
            for name in importlib.import_module(module).__all__:
                assert f"{module}.{name}" in wanted
