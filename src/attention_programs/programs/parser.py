"""Parsing the search's programs back into terms: the inverse of code generation."""

import ast
import math
from collections.abc import Iterator

from attention_programs.errors import UserError
from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.programs.features import Feature
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.source import reading
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES


def read_terms(source: str, place: str) -> list[WeightedTerm]:
    """The terms of a program that is a softmax of a sum of vocabulary terms, in source order.

    >>> source = "def program(text): return text.softmax(2.0 * text.first_token - text.query.comma * text.offset(3))"
    >>> [(term.feature.expression, term.coefficient) for term in read_terms(source, "example")]
    [('text.first_token', 2.0), ('text.query.comma * text.offset(3)', -1.0)]

    Raises:
        UserError: if the program has any other form.
    """
    with reading(place):
        (function,) = ast.parse(source).body
    match function:
        case ast.FunctionDef(body=[*_, ast.Return(ast.Call(ast.Attribute(_, "softmax"), [scores, *_]))]):
            return [_term(factors, place) for factors in _summands(scores, 1.0)]
    raise UserError(f"{place}: not a softmax of a sum of terms, so it has no coefficients to fit")


def summed_terms(program: ProgramRecord) -> list[WeightedTerm]:
    """The terms of a program that is a softmax of their sum; none for programs of another form."""
    try:
        return read_terms(program.source, program.name)
    except UserError:
        return []


def summands(program: ProgramRecord) -> int:
    """Number of terms of the sum; for programs of another form, of vocabulary terms that they mention."""
    return len(summed_terms(program)) or program.terms


def _summands(node: ast.expr, sign: float) -> Iterator[list[ast.expr]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _summands(node.left, sign)
        yield from _summands(node.right, sign if isinstance(node.op, ast.Add) else -sign)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        yield from _summands(node.operand, -sign if isinstance(node.op, ast.USub) else sign)
    else:
        yield [ast.Constant(sign), *_factors(node)]


def _factors(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from _factors(node.left)
        yield from _factors(node.right)
    else:
        yield node


def _term(factors: list[ast.expr], place: str) -> WeightedTerm:
    numbers: list[float] = []
    parts: dict[str, str] = {}
    parameter: int | None = None
    for factor in factors:
        if isinstance(factor, ast.UnaryOp) and isinstance(factor.op, ast.USub):
            numbers.append(-1.0)
            factor = factor.operand  # noqa: PLW2901 - the rest of the factor
        if isinstance(factor, ast.Constant) and isinstance(factor.value, int | float):
            numbers.append(float(factor.value))
            continue
        if isinstance(factor, ast.Call) and isinstance(factor.args[0], ast.Constant):
            parameter = factor.args[0].value if isinstance(factor.args[0].value, int) else None
            factor = factor.func  # noqa: PLW2901 - the rest of the factor
        kind = _kind(factor, place)
        if kind in parts:
            raise UserError(f"{place}: {ast.unparse(factor)} is the second {kind} of one term; a term has one of each")
        assert isinstance(factor, ast.Attribute)
        parts[kind] = (PATTERNS if kind == "pattern" else TOKEN_FEATURES)[factor.attr].name
    return WeightedTerm(Feature(parameter=parameter, **parts), math.prod(numbers))


def _kind(factor: ast.expr, place: str) -> str:
    match factor:
        case ast.Attribute(ast.Name("text"), name) if name in PATTERNS:
            return "pattern"
        case ast.Attribute(ast.Attribute(_, "query" | "key" as side), name) if name in TOKEN_FEATURES:
            return side
    raise UserError(f"{place}: {ast.unparse(factor)} is not a vocabulary term, so its coefficient can't be fitted")
