"""Fitting a program's coefficients on training texts: a language model gives the structure, the fit the numbers."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

REACH = 4.0
"""A coefficient may grow to this many times its original size."""
DECIMALS = 3
"""Decimals of fitted coefficients."""
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)


@dataclass(frozen=True)
class FittedCoefficients:
    """The result of a fit."""

    source: str
    """The program with its fitted coefficients; unchanged if the fit gained nothing."""
    before: float
    after: float
    """Mean IoU on the texts that were fitted on."""
    coefficients: int
    evaluations: int


def fit_coefficients(source: str, score: Callable[[str], float], evaluations: int) -> FittedCoefficients:
    """Fits the numeric coefficients of a program without changing its structure.

    Args:
        source: A program; summands of its return value without a number are given the factor 1 first.
        score: Mean IoU of a source on training texts.
        evaluations: Maximum number of calls of ``score``.
    """
    tree = _explicit(source)
    coefficients = list(_coefficients(tree))
    start = np.array([float(coefficient.node.value) for coefficient in coefficients])  # type: ignore[arg-type]
    before = score(source)
    best = FittedCoefficients(source, before, before, len(coefficients), 1)
    if not coefficients or evaluations < 2:
        return best

    def loss(values: np.ndarray) -> float:
        nonlocal best
        candidate = _written(tree, coefficients, values)
        reached = score(candidate)
        if reached > best.after:
            best = FittedCoefficients(candidate, before, reached, len(coefficients), best.evaluations)
        return -reached

    bounds = [_bounds(value, coefficient.signed) for value, coefficient in zip(start, coefficients, strict=True)]
    # Powell's method needs no gradient, which the sum of minima does not have everywhere.
    found = minimize(loss, start, method="Powell", bounds=bounds, options={"maxfev": evaluations - 1, "xtol": 0.02})
    return FittedCoefficients(best.source, before, best.after, len(coefficients), int(found.nfev) + 1)


@dataclass(frozen=True)
class _Coefficient:
    node: ast.Constant
    signed: bool
    """Whether it may change sign, as it may inside a softmax."""


def _bounds(value: float, signed: bool) -> tuple[float, float]:
    """The range that a coefficient may take.

    >>> _bounds(0.5, signed=False), _bounds(-2.0, signed=False), _bounds(1.0, signed=True)
    ((0.0, 2.0), (-8.0, 0.0), (-5.0, 5.0))
    """
    reach = REACH * abs(value) + (1.0 if signed or value == 0 else 0.0)
    if signed:
        return -reach, reach
    return (-reach, 0.0) if value < 0 else (0.0, reach)


def _written(tree: ast.Module, coefficients: Sequence[_Coefficient], values: np.ndarray) -> str:
    for coefficient, value in zip(coefficients, values, strict=True):
        coefficient.node.value = round(float(value), DECIMALS) + 0.0
    return ast.unparse(tree) + "\n"


def _explicit(source: str) -> ast.Module:
    """The syntax tree, with a factor for every summand of the program's return value.

    >>> ast.unparse(_explicit("def program(text): return text.a + 2 * text.offset(3)")).splitlines()[-1].strip()
    'return 1.0 * text.a + 2 * text.offset(3)'
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and node.value is not None:
            if isinstance(node.value, ast.Call) and _is_softmax(node.value) and node.value.args:
                node.value.args[0] = _with_factors(node.value.args[0])
            elif not isinstance(node.value, ast.Tuple) and any(isinstance(p, ast.Attribute) for p in ast.walk(node)):
                node.value = _with_factors(node.value)
    return ast.fix_missing_locations(tree)


def _is_softmax(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "softmax"


def _with_factors(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        return ast.BinOp(_with_factors(node.left), node.op, _with_factors(node.right))
    if _has_factor(node):
        return node
    return ast.BinOp(ast.Constant(1.0), ast.Mult(), node)


def _has_factor(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        return _has_factor(node.left) or _has_factor(node.right)
    if isinstance(node, ast.UnaryOp):
        return _has_factor(node.operand)
    return isinstance(node, ast.Constant)


def _coefficients(node: ast.AST, softmax: bool = False, plain: bool = True) -> Iterator[_Coefficient]:
    """Numbers used in arithmetic, in order; integers only if ``plain``, as in calls they mostly are sizes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Subscript | ast.JoinedStr):
            continue
        if isinstance(child, ast.Constant) and type(child.value) in (int, float):
            calculated = isinstance(node, ast.BinOp) and isinstance(node.op, _ARITHMETIC)
            if type(child.value) is float or (plain and calculated):
                yield _Coefficient(child, softmax)
        elif isinstance(child, ast.Call):
            inside = _is_softmax(child)
            yield from _coefficients(child, softmax or inside, plain=inside)
        else:
            yield from _coefficients(child, softmax, plain)
