"""Patterns that depend only on position."""

import numpy as np

from attention_programs.programs.tokens import Array, Rows, Tokens
from attention_programs.programs.vocabulary.term import Terms

TERMS = Terms("position")


def _distance(view: Tokens, rows: Rows) -> Array:
    """I - j for some rows, shape (rows, n)."""
    return rows.astype(np.float32)[:, None] - np.arange(view.n, dtype=np.float32)[None, :]


def _diagonal(view: Tokens, rows: Rows, back: int) -> Array:
    """The token ``back`` positions back; a negative number is ahead."""
    return one_hot(view, rows, np.where(np.arange(view.n) - back < view.n, np.arange(view.n) - back, -1))


def one_hot(view: Tokens, rows: Rows, columns: np.ndarray) -> Array:
    """Row i picks column ``columns[i]``; a negative column picks nothing."""
    matrix = np.zeros((len(rows), view.n), dtype=np.float32)
    picked = columns[rows]
    places = np.flatnonzero(picked >= 0)
    matrix[places, picked[places]] = 1
    return matrix


def _own_token(view: Tokens, rows: Rows, number: int) -> Array:
    """Rows from the text's token ``number`` (counted from 0) on pick that token."""
    column = view.text_start + number
    return one_hot(view, rows, np.where(np.arange(view.n) >= column, column, -1))


@TERMS.add("all tokens", "a b c -> row 1 picks 0, 1 and 2.")
def uniform(view: Tokens, rows: Rows) -> Array:
    """Every token alike."""
    return np.ones((len(rows), view.n), dtype=np.float32)


@TERMS.add("the first token", "a b c -> row 2 picks 0.")
def first_token(view: Tokens, rows: Rows) -> Array:
    """The first token, the attention sink of most heads.

    It is the very first, be it special or not.
    """
    return one_hot(view, rows, np.zeros(view.n, dtype=int))


@TERMS.add("the second token", "a b c -> row 2 picks 1.")
def second_token(view: Tokens, rows: Rows) -> Array:
    """The second token; nothing in the first row.

    As with all positions, special tokens in front of the text are not counted.
    """
    return _own_token(view, rows, 1)


@TERMS.add("the third token", "a b c d -> row 3 picks 2.")
def third_token(view: Tokens, rows: Rows) -> Array:
    """The third token; nothing in the first two rows."""
    return _own_token(view, rows, 2)


@TERMS.add("itself", "a b c -> row 2 picks 2.")
def self_token(view: Tokens, rows: Rows) -> Array:
    """The token itself."""
    return _diagonal(view, rows, 0)


@TERMS.add("the previous token", "a b c -> row 2 picks 1.")
def previous_token(view: Tokens, rows: Rows) -> Array:
    """The token one back."""
    return _diagonal(view, rows, 1)


@TERMS.add("the token {0} back", "a b c d e with 3 -> row 4 picks 1.", parameters=(2, 3, 4, 5, 6, 7, 8))
def offset(view: Tokens, rows: Rows, back: int) -> Array:
    """The token ``back`` positions back: j = i - back."""
    return _diagonal(view, rows, back)


@TERMS.add("far tokens", "a b c -> row 2 is 1.10 0.69 0.", continuous=True)
def log_distance(view: Tokens, rows: Rows) -> Array:
    """log(1 + |i - j|): a negative weight falls off with distance like a power."""
    return np.log1p(np.abs(_distance(view, rows)))


def nearness(view: Tokens, rows: Rows, scale: int) -> Array:
    """Entry (i, j) is exp(-|i - j| / scale)."""
    return _fading(np.abs(_distance(view, rows)), scale)


def _fading(distance: Array, scale: int) -> Array:
    tokens = np.float32(scale)
    if not tokens > 0:
        raise ValueError(f"scale {scale} is not above 0; write over how many tokens the pattern fades, like 8")
    return np.exp(-distance / tokens)


@TERMS.add(
    "tokens up to about {0} back",
    "a b c with 2 -> row 2 is 0.37 0.61 1.",
    parameters=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    recorded_parameters=(1, 2, 4, 8, 16, 32, 64),
)
def decay(view: Tokens, rows: Rows, scale: int) -> Array:
    """exp(-|i - j| / scale): nearness that fades over ``scale`` tokens."""
    return nearness(view, rows, scale)


@TERMS.add(
    "the last {0} tokens",
    "a b c d with 2 -> row 3 picks 2 and 3.",
    parameters=(2, 3, 4, 6, 8, 12, 16, 24, 48, 96),
    recorded_parameters=(2, 3, 4, 6, 8, 12, 16, 24),
)
def last_tokens(view: Tokens, rows: Rows, count: int) -> Array:
    """The ``count`` tokens up to the current one, itself included: 0 <= i - j < count."""
    distance = _distance(view, rows)
    return ((distance >= 0) & (distance < count)).astype(np.float32)


@TERMS.add("about the first {0} tokens", "a b c with 2 -> row 2 is 1 0.61 0.37.", parameters=(2, 4, 8, 16))
def early(view: Tokens, rows: Rows, scale: int) -> Array:
    """exp(-j / scale): closeness to the text's beginning that fades over ``scale`` tokens.

    The first token of the text itself has j = 0; special tokens around it count 0.
    """
    return np.broadcast_to(_fading(view.positions.astype(np.float32), scale) * ~view.is_around, (len(rows), view.n))


@TERMS.add("late tokens", "a b c -> row 2 is 0 0.69 1.10.", continuous=True)
def log_position(view: Tokens, rows: Rows) -> Array:
    """log(1 + j): a positive weight prefers tokens that stand late in the text.

    The first token of the text itself has j = 0; special tokens around it count 0.
    """
    return np.broadcast_to(np.log1p(view.positions.astype(np.float32)) * ~view.is_around, (len(rows), view.n))


@TERMS.add("all but the first token late in the text", "a b c -> row 2 is 0 1.10 1.10.", continuous=True)
def row_position(view: Tokens, rows: Rows) -> Array:
    """log(1 + i) for every token j but the first: how the pull of the first token changes along the text.

    The first token of the text itself has i = 0, whatever stands in front of it.
    """
    matrix = np.repeat(np.log1p(view.positions[rows].astype(np.float32))[:, None], view.n, axis=1)
    matrix[:, 0] = 0
    return matrix


@TERMS.add(
    "the first token within about the first {0} tokens",
    "a b c with 2 -> row 2 is 0.37 0 0.",
    parameters=(1, 2, 4, 8, 16, 32),
    recorded=False,
)
def fading_first_token(view: Tokens, rows: Rows, scale: int) -> Array:
    """exp(-i / scale) on the first token: a pull of the first token that fades over ``scale`` tokens along the text.

    The first token of the text itself has i = 0, whatever stands in front of it.
    """
    matrix = np.zeros((len(rows), view.n), dtype=np.float32)
    matrix[:, 0] = _fading(view.positions[rows].astype(np.float32), scale)
    return matrix


@TERMS.add("the next token", "a b c -> row 1 picks 2.", looks_ahead=True)
def next_token(view: Tokens, rows: Rows) -> Array:
    """The token one ahead, j = i + 1 (encoders only)."""
    return _diagonal(view, rows, -1)


@TERMS.add("the token {0} ahead", "a b c d with 2 -> row 1 picks 3.", parameters=(2, 3, 4), looks_ahead=True)
def ahead(view: Tokens, rows: Rows, steps: int) -> Array:
    """The token ``steps`` positions ahead: j = i + steps (encoders only)."""
    return _diagonal(view, rows, -steps)


@TERMS.add("the last token", "a b c -> row 0 picks 2.", looks_ahead=True)
def last_token(view: Tokens, rows: Rows) -> Array:
    """The last token of the text (encoders only)."""
    return one_hot(view, rows, np.full(view.n, view.n - 1))
