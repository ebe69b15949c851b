"""Which of our files a file imports, also on the way and inside functions."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from conftest import ROOT

PACKAGE = "attention_programs"


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
