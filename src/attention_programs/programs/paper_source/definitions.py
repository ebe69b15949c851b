"""What a module's statements define and need, so that a function can be extracted with all its dependencies."""

import ast
import builtins
import symtable
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_BLOCKS = (ast.If, ast.Try)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_GIVEN = frozenset(vars(builtins)) | {"__name__", "__file__"}


def is_definition(node: ast.stmt) -> bool:
    """Whether a statement only imports, defines or assigns, also inside ``if`` or ``try``."""
    if isinstance(node, _BLOCKS):
        handlers = [inner for handler in getattr(node, "handlers", []) for inner in handler.body]
        inside = [*node.body, *handlers, *node.orelse, *getattr(node, "finalbody", [])]
        return all(isinstance(inner, ast.Pass) or is_definition(inner) for inner in inside)
    return isinstance(node, (*_FUNCTIONS, ast.ClassDef, *_IMPORTS, *_ASSIGNMENTS))


@dataclass(frozen=True)
class Definition:
    """One statement of a module."""

    node: ast.stmt
    defines: frozenset[str]
    """Names that it assigns or changes."""
    replaces: bool
    """Whether it replaces the names' earlier values entirely."""
    needs_at_once: frozenset[str]
    """Names looked up when the module is loaded."""
    needs_later: frozenset[str]
    """Names looked up when a function is called."""

    @classmethod
    def of(cls, node: ast.stmt) -> "Definition":
        """Analyses a statement by Python's own scoping rules."""
        table = symtable.symtable(ast.unparse(node), "<statement>", "exec")
        symbols = table.get_symbols()
        at_once = {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
        bound = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
        later = set[str]().union(*(_global_names(child) for child in table.get_children()))
        return cls(
            node=node,
            defines=frozenset(bound | _changed_names(node)),
            replaces=_replaces(node),
            # The bodies of classes and comprehensions run at once, too.
            needs_at_once=frozenset(at_once if isinstance(node, _FUNCTIONS) else at_once | later),
            needs_later=frozenset(later),
        )

    @property
    def always(self) -> bool:
        """Whether every function needs it: star imports define unknown names, future imports change the language."""
        node = self.node
        return self.is_future or (isinstance(node, ast.ImportFrom) and node.names[0].name == "*")

    @property
    def is_future(self) -> bool:
        """Whether it is a future import, which is only allowed at the beginning of a file."""
        return isinstance(self.node, ast.ImportFrom) and self.node.module == "__future__"


def _global_names(table: symtable.SymbolTable) -> set[str]:
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return names.union(*(_global_names(child) for child in table.get_children()))


def _changed_names(node: ast.stmt) -> set[str]:
    """Names whose value is mutated by setting an item or attribute, as in ``TABLE["x"] = 1``."""
    names = set()
    for inner in ast.walk(node) if isinstance(node, (*_ASSIGNMENTS, *_BLOCKS)) else ():
        if isinstance(inner, ast.Subscript | ast.Attribute) and isinstance(inner.ctx, ast.Store):
            root: ast.expr = inner
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            names |= {root.id} if isinstance(root, ast.Name) else set()
    return names


def _replaces(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):  # ``import a.b`` adds to ``a``
        return all(alias.asname for alias in node.names)
    if isinstance(node, ast.AnnAssign):
        return node.value is not None and isinstance(node.target, ast.Name)
    return not isinstance(node, (*_BLOCKS, ast.AugAssign)) and not _changed_names(node)


@dataclass(frozen=True)
class Needed:
    """A name's dependencies."""

    definitions: tuple[Definition, ...]
    """In file order."""
    undefined: tuple[str, ...]
    """Names that neither the file nor Python defines, sorted."""


class Definitions:
    """The statements of a module, in order.

    As in Python, a name has the value given by the last statement before its look-up: for the body of a function that
    is the end of the file, or the line that calls it while the module is loaded.
    """

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._all = tuple(definitions)
        self._positions = defaultdict[str, list[int]](list)
        for position, definition in enumerate(self._all):
            for name in definition.defines:
                self._positions[name].append(position)

    def latest(self, name: str) -> Definition:
        """The last statement that defines a name.

        Raises:
            IndexError: if none defines it.
        """
        return self._all[self._positions.get(name, [])[-1]]

    def needed_for(self, name: str) -> Needed:
        """All direct and indirect dependencies of a name."""
        chosen = {position for position, definition in enumerate(self._all) if definition.always}
        undefined = set[str]()
        seen = set[tuple[str, int]]()
        wanted = [(name, len(self._all))]
        while wanted:
            want = wanted.pop()
            if want in seen:
                continue
            seen.add(want)
            found = self._effective(*want)
            chosen.update(found)
            if want[0] not in self._positions:
                undefined.add(want[0])
            for position in found:
                wanted += [(other, position) for other in self._all[position].needs_at_once]
                wanted += [(other, want[1]) for other in self._all[position].needs_later]
        return Needed(tuple(self._all[position] for position in sorted(chosen)), tuple(sorted(undefined - _GIVEN)))

    def _effective(self, name: str, moment: int) -> list[int]:
        """The last statement before ``moment`` that replaces a name, and those that change it after that."""
        found: list[int] = []
        for position in reversed(self._positions.get(name, [])):
            if position < moment:
                found.append(position)
                if self._all[position].replaces:
                    break
        return found
