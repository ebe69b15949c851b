"""Patterns of earlier tokens: repetition, induction, the latest token of a class."""

from collections.abc import Callable

import numpy as np

from attention_programs.programs.tokens import Array, Rows, Tokens
from attention_programs.programs.vocabulary.position import nearness, one_hot
from attention_programs.programs.vocabulary.term import PART, Compute, Terms

TERMS = Terms("relation")


def latest(flags: np.ndarray) -> np.ndarray:
    """For each position, the latest flagged position before it; -1 if there is none.

    >>> latest(np.array([1, 0, 1, 0])).tolist()
    [-1, 0, 0, 2]
    """
    marked = np.where(flags > 0, np.arange(len(flags)), -1)
    return np.concatenate([[-1], np.maximum.accumulate(marked)])[:-1]


def _equal(view: Tokens, rows: Rows) -> np.ndarray:
    ids = np.asarray(view.ids)
    return ids[rows][:, None] == ids[None, :]


def _before(view: Tokens, rows: Rows) -> np.ndarray:
    """Whether j < i, shape (rows, n)."""
    return np.arange(view.n)[None, :] < rows[:, None]


def _latest_in_row(matrix: np.ndarray) -> Array:
    """Keeps the last non-zero entry of each row."""
    picked = np.zeros_like(matrix)
    filled = np.flatnonzero(matrix.any(axis=1))
    if len(filled):
        columns = matrix.shape[1] - 1 - np.argmax(matrix[filled, ::-1] > 0, axis=1)
        picked[filled, columns] = 1
    return picked


def _of_previous(view: Tokens, rows: Rows, shift: int) -> Array:
    """Tokens ``shift`` places after earlier copies of each row's previous token; nothing in the first row."""
    same = view.rows("same_token", np.maximum(rows - 1, 0)) * (rows > 0)[:, None]
    return np.pad(same[:, :-shift], ((0, 0), (shift, 0))).astype(np.float32)[:, : view.n]


@TERMS.add("earlier copies of the token", "a b a b a -> row 4 picks 0 and 2.")
def same_token(view: Tokens, rows: Rows) -> Array:
    """Every earlier occurrence of the current token: j < i with the same id."""
    return (_equal(view, rows) & _before(view, rows)).astype(np.float32)


@TERMS.add("the latest copy of the token", "a b a b a -> row 4 picks 2.")
def latest_same_token(view: Tokens, rows: Rows) -> Array:
    """The most recent earlier occurrence of the current token; nothing if it is new."""
    return _latest_in_row(view.rows("same_token", rows))


@TERMS.add("the first copy of the token", "a b a b a -> row 4 picks 0.")
def first_same_token(view: Tokens, rows: Rows) -> Array:
    """The first occurrence of the current token in the text, itself if it is new."""
    first = dict[int, int]()
    return one_hot(view, rows, np.array([first.setdefault(token, place) for place, token in enumerate(view.ids)]))


@TERMS.add("earlier copies of the word", "The cat ·the -> row 2 picks 0.")
def same_word(view: Tokens, rows: Rows) -> Array:
    """Every earlier token of the same characters, whatever their case and spacing; whitespace picks nothing."""
    # Parts of characters all show as the replacement character, but are not copies of each other.
    words = np.asarray(["" if PART in string else string.strip().casefold() for string in view.strings])
    alike = (words[rows][:, None] == words[None, :]) & (words != "")[None, :]
    return (alike & _before(view, rows)).astype(np.float32)


@TERMS.add("tokens that followed earlier copies of the token", "a b a c a -> row 4 picks 1 and 3.")
def induction(view: Tokens, rows: Rows) -> Array:
    """Tokens j <= i whose predecessor j - 1 < i is an earlier copy of the current token."""
    return np.pad(view.rows("same_token", rows)[:, :-1], ((0, 0), (1, 0)))


@TERMS.add(
    "tokens up to about {0} back that followed earlier copies",
    "a b a c a with 8 -> row 4 is 0 0.69 0 0.88 0.",
    parameters=(8, 32),
)
def near_induction(view: Tokens, rows: Rows, scale: int) -> Array:
    """``induction`` that fades with distance: induction(i, j) x exp(-(i - j) / scale)."""
    return view.rows("induction", rows) * nearness(view, rows, scale)


@TERMS.add(
    "copies of the token up to about {0} back", "a b a b a with 8 -> row 4 is 0.61 0 0.78 0 0.", parameters=(8, 32)
)
def near_same_token(view: Tokens, rows: Rows, scale: int) -> Array:
    """``same_token`` that fades with distance: same_token(i, j) x exp(-(i - j) / scale)."""
    return view.rows("same_token", rows) * nearness(view, rows, scale)


@TERMS.add("the token that followed the latest copy of the token", "a b a c a -> row 4 picks 3.")
def latest_induction(view: Tokens, rows: Rows) -> Array:
    """The token after the most recent earlier copy of the current token; nothing if it is new."""
    return _latest_in_row(view.rows("induction", rows))


@TERMS.add("tokens that preceded earlier copies of the token", "b a c a a -> row 4 picks 0 and 2.")
def before_same_token(view: Tokens, rows: Rows) -> Array:
    """Tokens j whose successor j + 1 < i is an earlier copy of the current token."""
    return np.pad(view.rows("same_token", rows)[:, 1:], ((0, 0), (0, 1)))


@TERMS.add("tokens after the same pair", "a b c d a b -> row 5 picks 2.")
def pair_induction(view: Tokens, rows: Rows) -> Array:
    """Tokens j <= i for which tokens j - 2 and j - 1 equal the current token's predecessor and itself."""
    pairs = view.rows("induction", rows) * _of_previous(view, rows, shift=2)
    return pairs.astype(np.float32)


@TERMS.add("tokens after copies of the previous token", "a b a c -> row 3 picks 1.")
def after_copy_of_previous(view: Tokens, rows: Rows) -> Array:
    """Earlier tokens j < i whose predecessor equals the current token's predecessor."""
    return _of_previous(view, rows, shift=1)


def _first_so_far(flags: np.ndarray) -> np.ndarray:
    """For each position, the first flagged position up to it; -1 if there is none.

    >>> _first_so_far(np.array([0, 1, 0, 1])).tolist()
    [-1, 1, 1, 1]
    """
    return np.where(np.cumsum(flags) > 0, np.argmax(flags), -1)


def _pick(feature_name: str, pick: Callable[[np.ndarray], np.ndarray]) -> Compute:
    """A pattern whose row i picks the token that ``pick`` finds for i among the tokens with a feature."""
    return lambda view, rows: one_hot(view, rows, pick(view.vector(feature_name)))


for _class_name, _phrase, _example in (
    ("content_word", "the first content word", "·the ·cat ·ran -> row 2 picks 1."),
    ("name_like", "the first name", "·saw ·Tom ·and ·Ann -> row 3 picks 1."),
    ("verb_like", "the first verb", "·he ·ran ·and ·sat -> row 3 picks 1."),
    ("digit", "the first digit", "a 7 b 8 -> row 3 picks 1."),
    ("operator", "the first operator", "x = y + -> row 3 picks 1."),
    ("newline", "the first line break", "a ↵ b ↵ -> row 3 picks 1."),
):
    _summary = f"The first token of the text that is in the class ``{_class_name}``, from that token on."
    TERMS.define(f"first_{_class_name}", _phrase, _pick(_class_name, _first_so_far), _summary, _example)


for _class_name, _phrase, _example in (
    ("punctuation", "the last punctuation", "a , b . c -> row 4 picks 3."),
    ("comma", "the last comma", "a , b . c -> row 4 picks 1."),
    ("full_stop", "the last full stop", "a . b , c -> row 4 picks 1."),
    ("newline", "the last line break", "a ↵ b c -> row 3 picks 1."),
    ("content_word", "the last content word", "·the ·cat , ·she -> row 3 picks 1."),
    ("verb_like", "the last verb", "·he ·ran ·to ·her -> row 3 picks 1."),
    ("name_like", "the last name", "·saw ·Tom ·in ·bed -> row 3 picks 1."),
    ("pronoun", "the last pronoun", "·he ·saw ·her ·cat -> row 3 picks 2."),
    ("determiner", "the last determiner", "·the ·old ·cat -> row 2 picks 0."),
    ("preposition", "the last preposition", "·in ·old ·bed -> row 2 picks 0."),
    ("conjunction", "the last conjunction", "·he ·and ·she -> row 2 picks 1."),
    ("auxiliary", "the last auxiliary verb", "·he ·is ·not ·late -> row 3 picks 2."),
    ("operator", "the last operator", "x = y + z -> row 4 picks 3."),
    ("digit", "the last digit", "a 7 b c -> row 3 picks 1."),
    ("word_start", "the last start of a word", "·un real , ·cat -> row 3 picks 0."),
    ("keyword", "the last programming keyword", "def ·f ( -> row 2 picks 0."),
    ("capitalised", "the last capitalised word", "·Tom ·ran ·to ·Ann -> row 3 picks 0."),
    ("whitespace", "the last whitespace", "a · 7 b -> row 3 picks 1."),
    ("bracket", "the last bracket", "f ( x ) y -> row 4 picks 3."),
    ("quote", "the last quotation mark", 'a " b c -> row 3 picks 1.'),
):
    _summary = f"The latest token before the current one that is in the class ``{_class_name}``."
    _former = "last_blank" if _class_name == "whitespace" else ""
    TERMS.define(f"last_{_class_name}", _phrase, _pick(_class_name, latest), _summary, _example, former=_former)
