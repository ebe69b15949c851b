"""Classes of signs, blanks and digits, from a token's characters alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from attention_programs.programs.vocabulary.registry import PART, Array, token_class

if TYPE_CHECKING:
    from attention_programs.programs.view import TokenView


def piece_flags(view: TokenView, test: Callable[[str], bool]) -> Array:
    """1 for the tokens whose characters pass a test, shape (n,)."""
    return np.array([test(piece) for piece in view.pieces], dtype=np.float32)


def _made_of(characters: str) -> Callable[[str], bool]:
    return lambda piece: bool(piece.strip()) and all(character in characters for character in piece.strip())


@token_class("punctuation")
def punctuation(view: TokenView) -> Array:
    """Tokens of printable characters that are neither letters nor digits.

    Part of a character is none: what it is part of is not known.

    Example: ·cat , ... x. -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: bool(p.strip()) and not any(c.isalnum() or c == PART for c in p))


@token_class("commas")
def comma(view: TokenView) -> Array:
    """Tokens that begin with a comma, after blanks.

    Example: a , ," a, -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: p.strip().startswith(","))


@token_class("full stops")
def full_stop(view: TokenView) -> Array:
    """Tokens that begin with a sign that ends a sentence, . ! or ?, after blanks: a decimal point, too.

    Example: a . ·? a. -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: p.strip()[:1] in {".", "!", "?"})


@token_class("colons and semicolons")
def colon(view: TokenView) -> Array:
    """Tokens that begin with a colon or semicolon, after blanks.

    Example: a : ; -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: p.strip()[:1] in {":", ";"})


@token_class("quotation marks")
def quote(view: TokenView) -> Array:
    """Tokens that hold a double quotation mark or are a single one.

    Example: a " ." ’ -> marks 1, 2 and 3.
    """
    return piece_flags(view, lambda p: any(c in p for c in '"“”«»') or p.strip() in {"'", "`", "‘", "’"})


@token_class("brackets")
def bracket(view: TokenView) -> Array:
    """Tokens that hold a round, square or curly bracket.

    Example: f ( x ): -> marks 1 and 3.
    """
    return piece_flags(view, lambda p: any(c in p for c in "()[]{}"))


@token_class("opening brackets")
def opening_bracket(view: TokenView) -> Array:
    """Tokens that hold an opening bracket.

    Example: f ( x ): -> marks 1.
    """
    return piece_flags(view, lambda p: any(c in p for c in "([{"))


@token_class("line breaks")
def newline(view: TokenView) -> Array:
    """Tokens that hold a line break.

    Example: a ↵ .↵ · -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: "\n" in p)


@token_class("blanks")
def blank(view: TokenView) -> Array:
    """Tokens of white space without a line break: indents, the space before a number.

    Example: a · ·· ↵ -> marks 1 and 2.
    """
    return piece_flags(view, lambda p: not p.strip() and "\n" not in p)


@token_class("digits")
def digit(view: TokenView) -> Array:
    """Tokens of digits alone, but for blanks.

    Example: 7 ·12 1a -> marks 0 and 1.
    """
    return piece_flags(view, lambda p: p.strip().isdigit())


@token_class("operators")
def operator(view: TokenView) -> Array:
    r"""Tokens made of signs of mathematics and code alone: + - * / = < > & | ^ % ~ \ _ $ @ #.

    Example: x ·= y == . -> marks 1 and 3.
    """
    return piece_flags(view, _made_of("+-*/=<>&|^%~\\_$@#"))
