"""Patterns of which token came before: repetition, induction, the latest token of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attention_programs.programs.vocabulary.position import one_hot
from attention_programs.programs.vocabulary.registry import Array, pattern

if TYPE_CHECKING:
    from attention_programs.programs.view import TokenView


def latest(flags: np.ndarray, include_self: bool) -> np.ndarray:
    """For each position the latest flagged position before it (or at it), -1 if there is none.

    >>> latest(np.array([1, 0, 1, 0]), include_self=False).tolist()
    [-1, 0, 0, 2]
    """
    marked = np.where(flags > 0, np.arange(len(flags)), -1)
    running = np.maximum.accumulate(marked) if len(marked) else marked
    return running if include_self else np.concatenate([[-1], running])[:-1]


def _equal(view: TokenView) -> np.ndarray:
    ids = np.asarray(view.ids)
    return ids[:, None] == ids[None, :]


def _latest_in_row(matrix: np.ndarray) -> Array:
    """Keeps the last non-zero entry of each row."""
    picked = np.zeros_like(matrix)
    rows = np.flatnonzero(matrix.any(axis=1))
    if len(rows):
        columns = matrix.shape[1] - 1 - np.argmax(matrix[rows, ::-1] > 0, axis=1)
        picked[rows, columns] = 1
    return picked


@pattern("relation", "earlier copies of the token")
def same_token(view: TokenView) -> Array:
    """Every earlier occurrence of the current token: j < i with the same id."""
    return np.tril(_equal(view), k=-1).astype(np.float32)


@pattern("relation", "the latest copy of the token")
def latest_same_token(view: TokenView) -> Array:
    """The most recent earlier occurrence of the current token; nothing if it is new."""
    return _latest_in_row(view.matrix("same_token"))


@pattern("relation", "the first copy of the token")
def first_same_token(view: TokenView) -> Array:
    """The first occurrence of the current token in the text, itself if it is new."""
    return one_hot(view, np.argmax(_equal(view), axis=1))


@pattern("relation", "earlier copies of the word")
def same_word(view: TokenView) -> Array:
    """Every earlier token of the same characters, whatever their case and spacing; blanks pick nothing."""
    words = np.asarray([piece.strip().casefold() for piece in view.pieces])
    return np.tril((words[:, None] == words[None, :]) & (words != "")[None, :], k=-1).astype(np.float32)


@pattern("relation", "tokens that followed earlier copies of the token")
def induction(view: TokenView) -> Array:
    """Tokens j <= i whose predecessor j - 1 < i is an earlier copy of the current token."""
    matrix = np.zeros((view.n, view.n), dtype=np.float32)
    matrix[:, 1:] = view.matrix("same_token")[:, :-1]
    return matrix


@pattern("relation", "the token that followed the latest copy of the token")
def latest_induction(view: TokenView) -> Array:
    """The token after the most recent earlier copy of the current token; nothing if it is new."""
    return _latest_in_row(view.matrix("induction"))


@pattern("relation", "tokens that preceded earlier copies of the token")
def before_same_token(view: TokenView) -> Array:
    """Tokens j whose successor j + 1 < i is an earlier copy of the current token."""
    matrix = np.zeros((view.n, view.n), dtype=np.float32)
    matrix[:, :-1] = view.matrix("same_token")[:, 1:]
    return matrix


@pattern("relation", "tokens after the same pair")
def pair_induction(view: TokenView) -> Array:
    """Tokens j <= i for which tokens j - 2 and j - 1 equal the current token's predecessor and itself."""
    same = view.matrix("same_token")
    matrix = np.zeros((view.n, view.n), dtype=np.float32)
    matrix[1:, 2:] = same[1:, 1:-1] * same[:-1, :-2]
    return matrix


@pattern("relation", "tokens after copies of the previous token")
def after_copy_of_previous(view: TokenView) -> Array:
    """Earlier tokens j < i whose predecessor equals the current token's predecessor."""
    same = view.matrix("same_token")
    matrix = np.zeros((view.n, view.n), dtype=np.float32)
    matrix[1:, 1:] = same[:-1, :-1]
    return matrix


def _register_latest(class_name: str, phrase: str) -> None:
    def term(view: TokenView) -> Array:
        return one_hot(view, latest(view.vector(class_name), include_self=False))

    term.__name__ = f"last_{class_name}"
    term.__doc__ = f"The latest token before the current one that is in the class ``{class_name}``."
    pattern("relation", phrase)(term)


for _class_name, _phrase in {
    "punctuation": "the last punctuation",
    "comma": "the last comma",
    "full_stop": "the last full stop",
    "newline": "the last line break",
    "content_word": "the last content word",
    "verb_like": "the last verb",
    "name_like": "the last name",
    "pronoun": "the last pronoun",
    "determiner": "the last determiner",
    "preposition": "the last preposition",
    "conjunction": "the last conjunction",
    "auxiliary": "the last auxiliary verb",
    "operator": "the last operator",
    "digit": "the last digit",
    "word_start": "the last start of a word",
    "keyword": "the last programming keyword",
}.items():
    _register_latest(_class_name, _phrase)
