"""Stages rerun when the code that they import changes: ``dvc.yaml`` names all of it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = "attention_programs"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def file_of(module: str) -> Path | None:
    """The file of a module of ours, a package's or its own."""
    path = ROOT / "src" / Path(*module.split("."))
    found = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return found[0] if found else None


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from executed(node)


@cache
def imported(file: Path) -> frozenset[Path]:
    """Our files that a file imports itself, at its top or inside a function."""
    found: set[Path | None] = set()
    for node in executed(ast.parse(file.read_text(encoding="utf-8"))):
        modules = [node.module] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in filter(None, modules):
            if module.split(".")[0] != PACKAGE:
                continue
            parts = module.split(".")
            found |= {file_of(".".join(parts[:count])) for count in range(1, len(parts) + 1)}
            if isinstance(node, ast.ImportFrom):
                found |= {file_of(f"{module}.{alias.name}") for alias in node.names}
    return frozenset(filter(None, found))


def reached(file: Path) -> set[Path]:
    """All our files that are imported on the way, the file's own imports first."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        new = imported(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def covered(stage: str, file: Path) -> bool:
    named = [ROOT / dependency for dependency in STAGES[stage]["deps"]]
    return any(file == path or path in file.parents for path in named)


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_names_all_code_that_it_imports(stage: str) -> None:
    script = ROOT / "pipelines" / f"{stage}.py"
    missing = [path for path in {script, *reached(script)} if not covered(stage, path)]
    assert sorted(str(path.relative_to(ROOT)) for path in missing) == []


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_names_no_code_that_it_does_not_import(stage: str) -> None:
    files = reached(ROOT / "pipelines" / f"{stage}.py")
    for dependency in STAGES[stage]["deps"]:
        path = ROOT / dependency
        if dependency.startswith("src/"):
            assert path.exists(), dependency
            assert any(file == path or path in file.parents for file in files), dependency


def test_imports_are_followed_into_functions_and_packages() -> None:
    files = reached(ROOT / "pipelines" / "model.py")
    names = {str(path.relative_to(ROOT / "src" / PACKAGE)) for path in files}
    assert {"__init__.py", "config/__init__.py", "config/whole.py", "surrogate/intervention.py"} <= names
    assert "cli/app.py" not in names
