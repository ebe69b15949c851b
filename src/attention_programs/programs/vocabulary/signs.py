"""Token features for symbols, white space and digits, from a token's characters only."""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from attention_programs.programs.tokens import Array, Tokens
from attention_programs.programs.vocabulary.term import PART, Terms

TERMS = Terms("class")


def remembered(test: Callable[[str], bool]) -> Callable[[str], bool]:
    """A test of strings that remembers its answers."""
    return lru_cache(maxsize=2**16)(test)


def string_flags(view: Tokens, test: Callable[[str], bool]) -> Array:
    """1 for tokens whose string passes a test, shape (n,); tests are :func:`remembered`, as tokens repeat."""
    return np.array([test(token_string) for token_string in view.token_strings], dtype=np.float32)


def _made_of(characters: str) -> Callable[[str], bool]:
    return lambda token_string: bool(token_string.strip()) and set(token_string.strip()) <= set(characters)


for _name, _phrase, _test, _summary, _example, _former in (
    ("punctuation", "punctuation", lambda p: bool(p.strip()) and not any(c.isalnum() or c == PART for c in p),
     ("Tokens of printable characters that are neither letters nor digits.\n\n"
      "Part of a character is none: what it is part of is not known."),
     "·cat , ... x. -> marks 1 and 2.", ""),
    ("comma", "commas", lambda p: p.strip().startswith(","),
     "Tokens that begin with a comma, after whitespace.", 'a , ," a, -> marks 1 and 2.', ""),
    ("full_stop", "full stops", lambda p: p.strip()[:1] in {".", "!", "?"},
     "Tokens that begin with a sign that ends a sentence, . ! or ?, after whitespace: a decimal point, too.",
     "a . ·? a. -> marks 1 and 2.", ""),
    ("colon", "colons and semicolons", lambda p: p.strip()[:1] in {":", ";"},
     "Tokens that begin with a colon or semicolon, after whitespace.", "a : ; -> marks 1 and 2.", ""),
    ("quote", "quotation marks", lambda p: any(c in p for c in '"“”«»') or p.strip() in {"'", "`", "‘", "’"},
     "Tokens that hold a double quotation mark or are a single one.", 'a " ." ’ -> marks 1, 2 and 3.', ""),
    ("bracket", "brackets", lambda p: any(c in p for c in "()[]{}"),
     "Tokens that hold a round, square or curly bracket.", "f ( x ): -> marks 1 and 3.", ""),
    ("opening_bracket", "opening brackets", lambda p: any(c in p for c in "([{"),
     "Tokens that hold an opening bracket.", "f ( x ): -> marks 1.", ""),
    ("newline", "line breaks", lambda p: "\n" in p,
     "Tokens that hold a line break.", "a ↵ .↵ · -> marks 1 and 2.", ""),
    ("whitespace", "whitespace", lambda p: not p.strip() and "\n" not in p,
     "Tokens of white space without a line break: indents, the space before a number.",
     "a · ·· ↵ -> marks 1 and 2.", "blank"),
    ("digit", "digits", lambda p: p.strip().isdigit(),
     "Tokens of digits alone, but for whitespace.", "7 ·12 1a -> marks 0 and 1.", ""),
    ("operator", "operators", _made_of("+-*/=<>&|^%~\\_$@#"),
     "Tokens made of signs of mathematics and code alone: + - * / = < > & | ^ % ~ \\ _ $ @ #.",
     "x ·= y == . -> marks 1 and 3.", ""),
):  # fmt: skip
    TERMS.define(_name, _phrase, partial(string_flags, test=remembered(_test)), _summary, _example, former=_former)
