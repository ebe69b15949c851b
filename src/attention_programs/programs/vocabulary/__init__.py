"""The named terms that programs are made of.

A *token class* marks tokens and gives a vector of shape (n,); programs use it as ``text.key.comma`` (columns) or
``text.query.comma`` (rows). A *pattern* gives a matrix of shape (n, n): row i says which tokens j the token i picks.
Every term obeys the prefix rule unless it is marked: entry (i, j) with j <= i depends on tokens 0..i only.

The search breaks ties by the order of the terms: that of the modules here, and within a module that of its text.
"""

from attention_programs.programs.vocabulary import places, position, relations, signs, structure, words
from attention_programs.programs.vocabulary.term import Term, Terms

PATTERNS = Terms("pattern", position.TERMS, relations.TERMS, structure.TERMS)
TOKEN_FEATURES = Terms("class", signs.TERMS, words.TERMS, places.TERMS)


def find_term(name: str) -> Term | None:
    """The term of a name of today or of before; None if the vocabulary has none."""
    return PATTERNS.get(name) or TOKEN_FEATURES.get(name)


__all__ = ["PATTERNS", "TOKEN_FEATURES", "Term", "Terms", "find_term"]
