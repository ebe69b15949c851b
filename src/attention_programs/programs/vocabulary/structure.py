"""Patterns of text structure: words, clauses, sentences, lines, brackets, quotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attention_programs.programs.vocabulary.position import one_hot
from attention_programs.programs.vocabulary.registry import Array, pattern
from attention_programs.programs.vocabulary.relations import latest

if TYPE_CHECKING:
    from attention_programs.programs.view import TokenView


def unit_starts(ends: np.ndarray) -> np.ndarray:
    """Start of each token's unit, where a unit begins after a token flagged in ``ends``.

    >>> unit_starts(np.array([0, 1, 0, 0])).tolist()
    [0, 0, 2, 2]
    """
    return latest(ends, include_self=False) + 1


def _since(view: TokenView, starts: np.ndarray) -> Array:
    """Row i picks the tokens from ``starts[i]`` to i."""
    columns = np.arange(view.n)
    return ((columns[None, :] >= starts[:, None]) & (columns[None, :] <= columns[:, None])).astype(np.float32)


def _previous_unit(view: TokenView, starts: np.ndarray) -> Array:
    """Row i picks the unit before the one that holds i."""
    before = starts - 1
    from_start = np.where(before >= 0, starts[np.maximum(before, 0)], view.n)
    columns = np.arange(view.n)
    return ((columns[None, :] >= from_start[:, None]) & (columns[None, :] <= before[:, None])).astype(np.float32)


def _sentence_starts(view: TokenView) -> np.ndarray:
    return unit_starts(np.maximum(view.vector("full_stop"), view.vector("newline")))


def _clause_starts(view: TokenView) -> np.ndarray:
    marks = [view.vector(name) for name in ("full_stop", "newline", "comma", "colon")]
    return unit_starts(np.maximum.reduce(marks))


def _line_starts(view: TokenView) -> np.ndarray:
    return unit_starts(view.vector("newline"))


@pattern("structure", "the current word")
def current_word(view: TokenView) -> Array:
    """The pieces of the current word up to the current one; a piece without letters or digits is a word of its own."""
    return _since(view, view.word_starts)


@pattern("structure", "the start of the current word")
def current_word_start(view: TokenView) -> Array:
    """The first piece of the current word; a word goes on while letters or digits touch."""
    return one_hot(view, view.word_starts)


@pattern("structure", "the previous word")
def previous_word(view: TokenView) -> Array:
    """The pieces of the word (or sign) before the current one; nothing in the first word."""
    return _previous_unit(view, view.word_starts)


@pattern("structure", "the current clause")
def current_clause(view: TokenView) -> Array:
    """The tokens after the last comma, colon, full stop or line break; the sign itself ends the clause before."""
    return _since(view, _clause_starts(view))


@pattern("structure", "the start of the clause")
def clause_start(view: TokenView) -> Array:
    """The first token of the current clause."""
    return one_hot(view, _clause_starts(view))


@pattern("structure", "the previous clause")
def previous_clause(view: TokenView) -> Array:
    """The tokens of the clause before the current one, with the sign that ends it; nothing in the first clause."""
    return _previous_unit(view, _clause_starts(view))


@pattern("structure", "the current sentence")
def current_sentence(view: TokenView) -> Array:
    """The tokens after the last full stop or line break; the sign itself ends the sentence before."""
    return _since(view, _sentence_starts(view))


@pattern("structure", "the start of the sentence")
def sentence_start(view: TokenView) -> Array:
    """The first token of the current sentence."""
    return one_hot(view, _sentence_starts(view))


@pattern("structure", "the previous sentence")
def previous_sentence(view: TokenView) -> Array:
    """The tokens of the sentence before the current one, with the sign that ends it; nothing in the first sentence."""
    return _previous_unit(view, _sentence_starts(view))


@pattern("structure", "the current line")
def current_line(view: TokenView) -> Array:
    """The tokens after the last line break; the line break itself ends the line before."""
    return _since(view, _line_starts(view))


@pattern("structure", "the start of the line")
def line_start(view: TokenView) -> Array:
    """The first token of the current line."""
    return one_hot(view, _line_starts(view))


def _open_positions(view: TokenView) -> tuple[np.ndarray, np.ndarray]:
    """For each token the innermost bracket, and the quotation mark, still open before it (-1 if none)."""
    brackets = np.full(view.n, -1)
    quotes = np.full(view.n, -1)
    stack: list[int] = []
    quote = -1
    for position, piece in enumerate(view.pieces):
        brackets[position] = stack[-1] if stack else -1
        quotes[position] = quote
        for character in piece:
            if character in "([{":
                stack.append(position)
            elif character in ")]}" and stack:
                stack.pop()
            elif character in "“”" or character == '"':
                quote = position if quote < 0 else -1
    return brackets, quotes


@pattern("structure", "the open bracket")
def open_bracket(view: TokenView) -> Array:
    """The innermost bracket that is still open before the current token; a closing bracket picks its partner."""
    return one_hot(view, _open_positions(view)[0])


@pattern("structure", "the open quotation mark")
def open_quote(view: TokenView) -> Array:
    """The double quotation mark that is still open before the current token; a closing mark picks its partner."""
    return one_hot(view, _open_positions(view)[1])


@pattern("structure", "the current quotation")
def current_quotation(view: TokenView) -> Array:
    """The tokens from the open quotation mark on, itself and the closing one included; nothing outside a quotation."""
    quotes = _open_positions(view)[1]
    return _since(view, np.where(quotes >= 0, quotes, view.n))
