"""The named terms that programs are made of.

A *token class* marks tokens and gives a vector of shape (n,); programs use it as ``text.key.comma`` (columns) or
``text.query.comma`` (rows). A *pattern* gives a matrix of shape (n, n): row i says which tokens j the token i picks.
Every term obeys the prefix rule unless it is marked: entry (i, j) with j <= i depends on tokens 0..i only.
"""

# The search breaks ties by the order of the terms. It is that of these modules' own imports, which lead from places to
# words to signs and from structure to relations to position.
from attention_programs.programs.vocabulary import places, position, relations, signs, structure, words
from attention_programs.programs.vocabulary.registry import CLASSES, PATTERNS, Term

__all__ = ["CLASSES", "PATTERNS", "Term", "places", "position", "relations", "signs", "structure", "words"]
