"""What the search may add to a program: vocabulary terms, and patterns that only some queries use."""

from dataclasses import dataclass

import numpy as np

from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import CLASSES, PATTERNS
from attention_programs.programs.vocabulary.registry import Array

GATED_PATTERNS = ("first_token", "self_token", "previous_token", "log_distance")
"""Patterns that the search may tie to a class of queries."""
GATED_CLASSES = ("second_sink", "newline", "punctuation", "content_word")
"""Classes of keys that the search may tie to a class of queries."""


@dataclass(frozen=True)
class Feature:
    """A product of at most a query class and a pattern or key class; what one term of a program multiplies."""

    pattern: str = ""
    parameter: int | None = None
    query: str = ""
    key: str = ""

    @property
    def expression(self) -> str:
        """How a program writes it.

        >>> Feature(pattern="offset", parameter=3, query="comma").expression
        'text.query.comma * text.offset(3)'
        """
        factors = []
        if self.query:
            factors.append(f"text.query.{self.query}")
        if self.key:
            factors.append(f"text.key.{self.key}")
        if self.pattern:
            call = "" if self.parameter is None else f"({self.parameter})"
            factors.append(f"text.{self.pattern}{call}")
        return " * ".join(factors)

    @property
    def phrase(self) -> str:
        """How a sentence names what it picks, without the queries."""
        term = PATTERNS[self.pattern] if self.pattern else CLASSES[self.key]
        return term.phrase.format(self.parameter)

    @property
    def query_phrase(self) -> str:
        """How a sentence names the queries; empty if it holds for all."""
        return CLASSES[self.query].phrase if self.query else ""

    @property
    def graded(self) -> bool:
        """Whether it grows with distance or position."""
        return bool(self.pattern) and PATTERNS[self.pattern].graded

    def matrix(self, view: TokenView) -> Array:
        """Its value on a text, shape (n, n)."""
        value = view.matrix(self.pattern, self.parameter) if self.pattern else view.vector(self.key)[None, :]
        if self.query:
            value = view.vector(self.query)[:, None] * value
        return np.broadcast_to(value, (view.n, view.n))


def candidate_features(causal: bool) -> list[Feature]:
    """Every feature that the search considers, in a fixed order.

    ``uniform`` is left out: softmax does not see a constant. Terms that look ahead are for encoders only.
    """
    features = []
    for term in PATTERNS.values():
        if term.name != "uniform" and not (causal and term.looks_ahead):
            features += [Feature(term.name, parameter) for parameter in term.parameters or (None,)]
    features += [Feature(key=name) for name in CLASSES]
    for query in CLASSES:
        features += [Feature(pattern, query=query) for pattern in GATED_PATTERNS]
        features += [Feature(key=key, query=query) for key in GATED_CLASSES]
    return features
