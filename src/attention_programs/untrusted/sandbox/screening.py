"""What an untrusted program may contain: an allow-list of syntax, for clear messages and reproducible results.

It is not a security boundary: the kernel decides what a program may do
(:mod:`~attention_programs.untrusted.sandbox.linux`).
"""

import ast

from attention_programs.files import whole_characters
from attention_programs.programs.run_result import Reason, Rejected

MODULES = frozenset(
    (
        "__future__ abc bisect collections collections.abc copy dataclasses enum functools heapq helpers itertools "
        "math numbers numpy numpy.fft numpy.linalg numpy.random numpy.typing random re spacy spacy.tokens "
        "statistics string transformers typing unicodedata"
    ).split()
)
"""Modules that a program may import, each as a copy without its escape routes."""
STUBS = frozenset({"helpers", "spacy", "spacy.tokens", "transformers"})
"""Modules of the paper format; only programs in that format get them."""

_FORBIDDEN_SYNTAX: tuple[type[ast.AST], ...] = (ast.AsyncFor, ast.AsyncFunctionDef, ast.AsyncWith, ast.Await)
_FORBIDDEN_NAMES = frozenset(
    "breakpoint compile delattr dir eval exec exit globals help input locals memoryview open quit setattr vars".split()
)
_FORBIDDEN_ATTRIBUTES = frozenset(
    (
        "ag_await ag_code ag_frame co_code co_consts cr_await cr_code cr_frame ctypes ctypeslib dump dumps f2py f_back "
        "f_builtins f_code f_globals f_locals func_globals gi_code gi_frame gi_yieldfrom memmap mro subclasses "
        "tb_frame tb_next testing tofile"
    ).split()
)
_SPECIAL_METHODS = frozenset(
    "__add__ __bool__ __call__ __contains__ __eq__ __getitem__ __hash__ __init__ __iter__ __len__ __lt__ __mul__ "
    "__ne__ __next__ __post_init__ __repr__ __setitem__ __str__".split()
)


def screen(source: str) -> Rejected | None:
    """The first thing in a source that is not allowed; None if there is none.

    >>> screen("import socket").message
    "line 1: 'import socket': only numpy and a few modules of Python's library may be imported"
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return Rejected(Reason.SYNTAX, f"line {line}: {getattr(error, 'msg', error)}" if line else str(error))
    except (RecursionError, MemoryError):  # Python's parser may raise either
        return Rejected(Reason.SYNTAX, "nested too deeply")
    for node in ast.walk(tree):
        problem = _problem(node)
        if problem is not None:
            return Rejected(problem.reason, f"line {getattr(node, 'lineno', 1)}: {problem.message}")
    return None


def _problem(node: ast.AST) -> Rejected | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and whole_characters(node.value) != node.value:
        return Rejected(Reason.SYNTAX, "half a character (a lone \\ud800 to \\udfff) in a text; write a whole one")
    if isinstance(node, ast.Import | ast.ImportFrom):
        return _import_problem(node)
    if isinstance(node, _FORBIDDEN_SYNTAX):
        return _forbidden(f"{type(node).__name__}: programs run in one piece, without async")
    if isinstance(node, ast.Attribute):
        private = node.attr.startswith("_") and not (isinstance(node.value, ast.Name) and node.value.id == "self")
        if private or node.attr in _FORBIDDEN_ATTRIBUTES:
            return _forbidden(f"attribute {node.attr!r} leads out of the program")
    if isinstance(node, ast.Name) and (node.id in _FORBIDDEN_NAMES or node.id.startswith("__")):
        return _forbidden(f"name {node.id!r} leads out of the program")
    if isinstance(node, ast.FunctionDef) and node.name.startswith("__") and node.name not in _SPECIAL_METHODS:
        return _forbidden(f"method {node.name!r} is none that a program needs")
    if isinstance(node, ast.MatchClass) and any(name.startswith("_") for name in node.kwd_attrs):
        return _forbidden("a pattern on a private attribute leads out of the program")
    return None


def _forbidden(message: str) -> Rejected:
    return Rejected(Reason.FORBIDDEN, message)


def _import_problem(node: ast.Import | ast.ImportFrom) -> Rejected | None:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."]
    for name in names:
        if name not in MODULES or (isinstance(node, ast.ImportFrom) and node.level):
            message = f"'import {name}': only numpy and a few modules of Python's library may be imported"
            return Rejected(Reason.IMPORT, message)
    return None
