"""Patterns of text structure: words, clauses, sentences, lines, brackets, quotations."""

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter

import numpy as np

from attention_programs.programs.tokens import Array, Rows, Tokens
from attention_programs.programs.vocabulary.position import one_hot
from attention_programs.programs.vocabulary.relations import latest
from attention_programs.programs.vocabulary.term import Compute, Terms

TERMS = Terms("structure")


def _own(view: Tokens, picked: np.ndarray) -> Array:
    """Picks none of the special tokens around the text, which are not part of its structure."""
    return (picked * ~view.is_around[None, :]).astype(np.float32)


def _pick(view: Tokens, rows: Rows, columns: np.ndarray) -> Array:
    """Row i picks token ``columns[i]`` of the text; a negative column picks nothing."""
    return _own(view, one_hot(view, rows, columns))


def _since(view: Tokens, rows: Rows, starts: np.ndarray) -> Array:
    """Row i picks the tokens from ``starts[i]`` to i."""
    columns = np.arange(view.n)
    return _own(view, (columns[None, :] >= starts[rows][:, None]) & (columns[None, :] <= rows[:, None]))


def _previous_unit(view: Tokens, rows: Rows, starts: np.ndarray) -> Array:
    """Row i picks the unit before the one that contains i."""
    before = starts[rows] - 1
    from_start = np.where(before >= 0, starts[np.maximum(before, 0)], view.n)
    columns = np.arange(view.n)
    return _own(view, (columns[None, :] >= from_start[:, None]) & (columns[None, :] <= before[:, None]))


def _starts_after(view: Tokens, classes: Sequence[str]) -> np.ndarray:
    """Start of each token's unit, where units begin after tokens of some classes and at the start of the text."""
    return latest(np.maximum.reduce([view.is_around, *(view.vector(name) for name in classes)])) + 1


_sentence_starts = partial(_starts_after, classes=("full_stop", "newline"))
_clause_starts = partial(_starts_after, classes=("full_stop", "newline", "comma", "colon"))
_line_starts = partial(_starts_after, classes=("newline",))
_word_starts = attrgetter("word_starts")


def _of_units(pick: Callable[[Tokens, Rows, np.ndarray], Array], starts: Callable[[Tokens], np.ndarray]) -> Compute:
    return lambda view, rows: pick(view, rows, starts(view))


for _name, _phrase, _picked, _starts, _summary, _example in (
    ("current_word", "the current word", _since, _word_starts,
     "The pieces of the current word up to the current one; a piece without letters or digits is a word of its own.",
     "·un believ able -> row 2 picks 0, 1 and 2."),
    ("current_word_start", "the start of the current word", _pick, _word_starts,
     "The first piece of the current word; a word goes on while letters or digits touch.",
     "·un believ able -> row 2 picks 0."),
    ("previous_word", "the previous word", _previous_unit, _word_starts,
     "The pieces of the word (or sign) before the current one; nothing in the first word.",
     "·un real ·cat -> row 2 picks 0 and 1."),
    ("current_clause", "the current clause", _since, _clause_starts,
     "The tokens after the last comma, colon, full stop or line break; the sign itself ends the clause before.",
     "·a , ·b ·c -> row 3 picks 2 and 3."),
    ("clause_start", "the start of the clause", _pick, _clause_starts,
     "The first token of the current clause.", "·a , ·b ·c -> row 3 picks 2."),
    ("previous_clause", "the previous clause", _previous_unit, _clause_starts,
     "The tokens of the clause before the current one, with the sign that ends it; nothing in the first clause.",
     "·a , ·b ·c -> row 3 picks 0 and 1."),
    ("current_sentence", "the current sentence", _since, _sentence_starts,
     "The tokens after the last full stop or line break; the sign itself ends the sentence before.",
     "·a . ·b , ·c -> row 4 picks 2, 3 and 4."),
    ("sentence_start", "the start of the sentence", _pick, _sentence_starts,
     "The first token of the current sentence.", "·a . ·b , ·c -> row 4 picks 2."),
    ("previous_sentence", "the previous sentence", _previous_unit, _sentence_starts,
     "The tokens of the sentence before the current one, with the sign that ends it; nothing in the first sentence.",
     "·a . ·b , ·c -> row 4 picks 0 and 1."),
    ("current_line", "the current line", _since, _line_starts,
     "The tokens after the last line break; the line break itself ends the line before.",
     "a ↵ b . c -> row 4 picks 2, 3 and 4."),
    ("line_start", "the start of the line", _pick, _line_starts,
     "The first token of the current line.", "a ↵ b . c -> row 4 picks 2."),
):  # fmt: skip
    TERMS.define(_name, _phrase, _of_units(_picked, _starts), _summary, _example)


@TERMS.add("the token above in the line before", "a b ↵ c d -> row 4 picks 1.")
def token_above(view: Tokens, rows: Rows) -> Array:
    """The token as far behind the start of the line before as the current token is behind that of its own line."""
    starts = _line_starts(view)
    before = np.where(starts > 0, starts[np.maximum(starts - 1, 0)], -1)
    column = before + np.arange(view.n) - starts
    return _pick(view, rows, np.where((before >= 0) & (column < starts), column, -1))


@TERMS.add("starts of earlier lines with the same indent", "·· a ↵ ·· b -> row 4 picks 0.")
def same_indent(view: Tokens, rows: Rows) -> Array:
    """First tokens of earlier lines that begin with the same token as the current line: in code, the same indent."""
    starts = _line_starts(view)
    ids = np.asarray(view.ids)
    columns = np.arange(view.n)
    begins = starts == columns
    first = starts[rows]
    alike = ids[first][:, None] == ids[None, :]
    return _own(view, alike & begins[None, :] & (columns[None, :] < first[:, None]))


def _open_positions(view: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """For each token, the innermost bracket and the quotation mark still open before it (-1 if none)."""
    brackets = np.full(view.n, -1)
    quotes = np.full(view.n, -1)
    stack: list[int] = []
    quote = -1
    for position, string in enumerate(view.strings):
        brackets[position] = stack[-1] if stack else -1
        quotes[position] = quote
        for character in string:
            if character in "([{":
                stack.append(position)
            elif character in ")]}" and stack:
                stack.pop()
            elif character in "“”" or character == '"':
                quote = position if quote < 0 else -1
    return brackets, quotes


@TERMS.add("the open bracket", "f ( x , ) -> row 4 picks 1.")
def open_bracket(view: Tokens, rows: Rows) -> Array:
    """The innermost bracket that is still open before the current token; a closing bracket picks its partner."""
    return _pick(view, rows, _open_positions(view)[0])


@TERMS.add("the open quotation mark", 'a " b " -> row 3 picks 1.')
def open_quote(view: Tokens, rows: Rows) -> Array:
    """The double quotation mark that is still open before the current token; a closing mark picks its partner."""
    return _pick(view, rows, _open_positions(view)[1])


@TERMS.add("the current quotation", 'a " b " -> row 3 picks 1, 2 and 3.')
def current_quotation(view: Tokens, rows: Rows) -> Array:
    """The tokens from the open quotation mark on, itself and the closing one included; nothing outside a quotation."""
    quotes = _open_positions(view)[1]
    return _since(view, rows, np.where(quotes >= 0, quotes, view.n))
