"""A program's source: its id, its docstring, its size, and whether it uses only vocabulary terms."""

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES, find_term

ProgramFormat = Literal["view", "paper"]
"""Whether a program's function takes a view, or a sentence and a tokenizer as in the paper."""


@dataclass(frozen=True)
class ParsedSource:
    """A program's function, parsed without running it."""

    normalised: str
    """The function as ``ast.unparse`` writes it, regardless of comments and layout."""
    program_id: str
    """SHA-256 of the normalised source."""
    description: str
    """First line of the docstring."""
    terms: int
    """Number of mentions of vocabulary terms."""
    nodes: int
    """Number of syntax nodes."""
    speaks_vocabulary_only: bool
    """Whether it is a sum of products of numbers and vocabulary terms, with or without ``text.softmax``."""
    mentions: tuple[tuple[str, int | None], ...] = ()
    """The vocabulary terms that it mentions, each with its parameter; sorted."""


def parse_source(source: str, place: str) -> ParsedSource:
    """Parses a source that defines ``def program(text)``.

    Args:
        source: Python source.
        place: The file or record that it came from, for messages.

    Raises:
        UserError: if it is not Python, lacks this function or defines anything else, or is nested too deeply.
    """
    with reading(place):
        tree = ast.parse(source)
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "program"]
        if len(functions) != 1:
            raise UserError(
                f"{place}: {len(functions)} functions named 'program'; define exactly one: def program(text)"
            )
        function = functions[0]
        for node in tree.body:
            if node is not function:  # neither the id nor the sandbox would see it
                raise UserError(f"{place}, line {node.lineno}: only 'program' may stand here; move this inside it")
        normalised = ast.unparse(function)
        nodes = list(ast.walk(function))
        return ParsedSource(
            normalised=normalised,
            program_id=sha256_text(normalised),
            description=(ast.get_docstring(function) or "").strip().split("\n")[0],
            terms=sum(isinstance(node, ast.Attribute) and find_term(node.attr) is not None for node in nodes),
            nodes=len(nodes),
            speaks_vocabulary_only=_speaks_vocabulary_only(function),
            mentions=_mentions(nodes),
        )


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Turns parse errors into one-line messages.

    Raises:
        UserError: if the source is not Python, or too complex for Python's parser.
    """
    try:
        yield
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = place if line is None else f"{place}, line {line}"
        raise UserError(f"{where}: not valid Python ({getattr(error, 'msg', error)}); fix it") from error
    except (RecursionError, MemoryError) as error:  # Python's parser raises either
        raise UserError(f"{place}: nested too deeply or too long a sum; write shorter expressions") from error


def _mentions(nodes: Sequence[ast.AST]) -> tuple[tuple[str, int | None], ...]:
    called = {id(node.func): node.args for node in nodes if isinstance(node, ast.Call)}
    found: set[tuple[str, int | None]] = set()
    for node in nodes:
        term = find_term(node.attr) if isinstance(node, ast.Attribute) else None
        if term is not None:
            first = next(iter(called.get(id(node), [])), None)
            number = first.value if isinstance(first, ast.Constant) and type(first.value) is int else None
            found.add((term.name, number))
    return tuple(sorted(found, key=lambda term: (term[0], -1 if term[1] is None else term[1])))


def _speaks_vocabulary_only(function: ast.FunctionDef) -> bool:
    """Whether the source follows the grammar of the search's programs, which can do nothing but look up and add."""
    arguments = function.args
    plain = [a.arg for a in arguments.args] == ["text"] and not (
        arguments.posonlyargs or arguments.kwonlyargs or arguments.vararg or arguments.kwarg or arguments.defaults
    )
    annotated = function.returns is not None or any(a.annotation for a in arguments.args)
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not plain or annotated or function.decorator_list or len(body) != 1 or not isinstance(body[0], ast.Return):
        return False
    match body[0].value:
        case ast.Call(ast.Attribute(ast.Name("text"), "softmax"), [scores], []):
            return _is_sum(scores)
        case value:
            return _is_sum(value)


def _is_sum(node: ast.AST | None) -> bool:
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult(), right):
            return _is_sum(left) and _is_sum(right)
        case ast.UnaryOp(ast.USub() | ast.UAdd(), operand):
            return _is_sum(operand)
        case ast.Constant(value):
            return type(value) in (int, float)
        case ast.Call(ast.Attribute(ast.Name("text"), name), [ast.Constant(value)], []):
            return type(value) is int and name in PATTERNS and bool(PATTERNS[name].parameters)
        case ast.Attribute(ast.Name("text"), name):
            return name in PATTERNS and not PATTERNS[name].parameters
        case ast.Attribute(ast.Attribute(ast.Name("text"), "key" | "query"), name):
            return name in TOKEN_FEATURES
    return False
