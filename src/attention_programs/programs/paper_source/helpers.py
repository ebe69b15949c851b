"""A helper file next to a file of programs, merged as if they were one."""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attention_programs.programs.paper_source.definitions import Definition

MODULE = "helpers"
"""The module name under which programs in the paper's format import their helpers."""


@dataclass(frozen=True)
class HelperFile:
    """A helper file, as read."""

    source: str
    place: str
    """Its path, for messages."""


def open_imports(programs: ast.Module, helpers: HelperFile) -> ast.Module:
    """The programs with plain names for what they import from the helper module (``helpers``, or its file's name)."""
    opened: ast.Module = _Opened({MODULE, Path(helpers.place).stem}, programs).visit(programs)
    return ast.fix_missing_locations(opened)


def defined_twice(helpers: Iterable[Definition], programs: Iterable[Definition]) -> list[str]:
    """Names that the files define differently, sorted."""
    first, second = (_texts(definitions) for definitions in (helpers, programs))
    return sorted(name for name in first.keys() & second.keys() if first[name] != second[name])


def _texts(definitions: Iterable[Definition]) -> dict[str, list[str]]:
    texts = defaultdict[str, list[str]](list)
    for definition in definitions:
        for name in definition.defines:
            texts[name].append(ast.unparse(definition.node))
    return {name: list(dict.fromkeys(found)) for name, found in texts.items()}


class _Opened(ast.NodeTransformer):
    def __init__(self, modules: Collection[str], tree: ast.AST) -> None:
        self._modules = modules
        self._aliases = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
            if alias.name in modules
        }

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        node.names = [alias for alias in node.names if alias.name not in self._modules]
        return node if node.names else ast.copy_location(ast.Pass(), node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        if node.module not in self._modules:
            return node
        assignments: list[ast.stmt] = [
            ast.Assign([ast.Name(alias.asname, ast.Store())], ast.Name(alias.name, ast.Load()))
            for alias in node.names
            if alias.asname and alias.asname != alias.name
        ]
        return [ast.copy_location(each, node) for each in assignments] or ast.copy_location(ast.Pass(), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in self._aliases:
            return ast.copy_location(ast.Name(node.attr, node.ctx), node)
        return node


def taken_from_helpers(nodes: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that statements use from the module ``helpers``, which does not exist."""
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.ImportFrom) and node.module == MODULE:
            yield from (alias.name for alias in node.names if alias.name != "*")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == MODULE:
            yield node.attr
