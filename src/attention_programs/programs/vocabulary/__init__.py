"""The named terms that programs are made of.

A *token class* marks tokens and gives a vector of shape (n,); programs use it as ``text.key.comma`` (columns) or
``text.query.comma`` (rows). A *pattern* gives a matrix of shape (n, n): row i says which tokens j the token i picks.
Every term obeys the prefix rule unless it is marked: entry (i, j) with j <= i depends on tokens 0..i only.
"""

from attention_programs.programs.vocabulary import classes, position, relations, structure
from attention_programs.programs.vocabulary.registry import CLASSES, PATTERNS, Term

__all__ = ["CLASSES", "PATTERNS", "Term", "classes", "position", "relations", "structure"]
