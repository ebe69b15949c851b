"""The named terms that programs are made of.

A *token feature* marks tokens and gives a vector of shape (n,); programs use it as ``text.key.comma`` (columns) or
``text.query.comma`` (rows). A *pattern* gives a matrix of shape (n, n): row i says which tokens j token i picks.
Every term obeys the prefix rule unless marked otherwise: entry (i, j) with j <= i depends on tokens 0..i only.

The search breaks ties by the order of the terms: by module in the order below, then by order of definition.
"""

from attention_programs.programs.vocabulary import places, position, relations, signs, structure, words
from attention_programs.programs.vocabulary.term import Term, Terms

PATTERNS = Terms("pattern", position.TERMS, relations.TERMS, structure.TERMS)
TOKEN_FEATURES = Terms("class", signs.TERMS, words.TERMS, places.TERMS)


def find_term(name: str) -> Term | None:
    """The term with a current or former name; None if the vocabulary has none."""
    return PATTERNS.get(name) or TOKEN_FEATURES.get(name)


__all__ = ["PATTERNS", "TOKEN_FEATURES", "Term", "Terms", "find_term"]
