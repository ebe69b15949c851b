"""Classes of signs, blanks and digits, from a token's characters alone."""

from collections.abc import Callable

import numpy as np

from attention_programs.programs.tokens import Array, Tokens
from attention_programs.programs.vocabulary.registry import PART, Terms

TERMS = Terms("class")


def piece_flags(view: Tokens, test: Callable[[str], bool]) -> Array:
    """1 for the tokens whose characters pass a test, shape (n,)."""
    return np.array([test(piece) for piece in view.pieces], dtype=np.float32)


def _made_of(characters: str) -> Callable[[str], bool]:
    return lambda piece: bool(piece.strip()) and all(character in characters for character in piece.strip())


@TERMS.add("punctuation")
def punctuation(view: Tokens) -> Array:
    """Tokens of printable characters that are neither letters nor digits.

    Part of a character is none: what it is part of is not known.

    Example: ·cat , ... x. -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: bool(p.strip()) and not any(c.isalnum() or c == PART for c in p))


@TERMS.add("commas")
def comma(view: Tokens) -> Array:
    """Tokens that begin with a comma, after blanks.

    Example: a , ," a, -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: p.strip().startswith(","))


@TERMS.add("full stops")
def full_stop(view: Tokens) -> Array:
    """Tokens that begin with a sign that ends a sentence, . ! or ?, after blanks: a decimal point, too.

    Example: a . ·? a. -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: p.strip()[:1] in {".", "!", "?"})


@TERMS.add("colons and semicolons")
def colon(view: Tokens) -> Array:
    """Tokens that begin with a colon or semicolon, after blanks.

    Example: a : ; -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: p.strip()[:1] in {":", ";"})


@TERMS.add("quotation marks")
def quote(view: Tokens) -> Array:
    """Tokens that hold a double quotation mark or are a single one.

    Example: a " ." ’ -> marks 1, 2 and 3.
    """
    return piece_flags(view, lambda p: any(c in p for c in '"“”«»') or p.strip() in {"'", "`", "‘", "’"})


@TERMS.add("brackets")
def bracket(view: Tokens) -> Array:
    """Tokens that hold a round, square or curly bracket.

    Example: f ( x ): -> marks 1 and 3.
    """
    return piece_flags(view, lambda p: any(c in p for c in "()[]{}"))


@TERMS.add("opening brackets")
def opening_bracket(view: Tokens) -> Array:
    """Tokens that hold an opening bracket.

    Example: f ( x ): -> marks 1.
    """
    return piece_flags(view, lambda p: any(c in p for c in "([{"))


@TERMS.add("line breaks")
def newline(view: Tokens) -> Array:
    """Tokens that hold a line break.

    Example: a ↵ .↵ · -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: "\n" in p)


@TERMS.add("blanks", former="blank")
def whitespace(view: Tokens) -> Array:
    """Tokens of white space without a line break: indents, the space before a number.

    Example: a · ·· ↵ -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: not p.strip() and "\n" not in p)


@TERMS.add("digits")
def digit(view: Tokens) -> Array:
    """Tokens of digits alone, but for blanks.

    Example: 7 ·12 1a -> marks 0 and 1.
    """
    return piece_flags(view, lambda p: p.strip().isdigit())


@TERMS.add("operators")
def operator(view: Tokens) -> Array:
    r"""Tokens made of signs of mathematics and code alone: + - * / = < > & | ^ % ~ \ _ $ @ #.

    Example: x ·= y == . -> marks 1 and 3.
    """
    return piece_flags(view, _made_of("+-*/=<>&|^%~\\_$@#"))
