"""What the search may add to a program: vocabulary terms, and patterns that only some queries use."""

from dataclasses import dataclass

import numpy as np

from attention_programs.programs.tokens import Array
from attention_programs.programs.view import SPECIAL, TokenView
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES

GATED_PATTERNS = ("first_token", "self_token", "previous_token", "log_distance")
"""Patterns that the search may tie to a class of queries."""
GATED_FEATURES = ("secondary_sink", "newline", "punctuation", "content_word")
"""Classes of keys that the search may tie to a class of queries."""
PLACED_FEATURES = (
    "full_stop", "punctuation", "newline", "secondary_sink", "article", "content_word", "function_word", "digit",
    "first_occurrence",
)  # fmt: skip
"""Classes of keys that the search may tie to a place."""
PLACES: tuple[tuple[str, int | None], ...] = (("log_distance", None), ("decay", 16), ("current_sentence", None))
"""Patterns, with their parameters, that say where such a key has to stand."""


@dataclass(frozen=True)
class Feature:
    """A product of at most a query class, a key class and a pattern; what one term of a program multiplies."""

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
        call = "" if self.parameter is None else f"({self.parameter})"
        factors = (
            (f"query.{self.query}", self.query),
            (f"key.{self.key}", self.key),
            (self.pattern + call, self.pattern),
        )
        return " * ".join(f"text.{factor}" for factor, name in factors if name)

    @property
    def phrase(self) -> str:
        """How a sentence names what it picks, without the queries.

        >>> Feature("current_sentence", key="digit").phrase, Feature("decay", 16, key="comma").phrase
        ('digits in the current sentence', 'commas up to about 16 back')
        >>> Feature("log_distance", key="full_stop").phrase, Feature("log_distance", key="secondary_sink").phrase
        ('far full stops', 'the secondary sink when far')
        """
        key = TOKEN_FEATURES[self.key].phrase if self.key else ""
        place = PATTERNS[self.pattern].phrase.format(self.parameter) if self.pattern else ""
        if not (key and place):
            return key or place
        if self.pattern == "log_distance":
            return f"{key} when far" if key.startswith("the ") else f"far {key}"
        return f"{key} {place.removeprefix('tokens ')}" if place.startswith("tokens ") else f"{key} in {place}"

    @property
    def query_phrase(self) -> str:
        """How a sentence names the queries; empty if it holds for all."""
        return TOKEN_FEATURES[self.query].phrase if self.query else ""

    @property
    def continuous(self) -> bool:
        """Whether it ranks all tokens, by distance, position or rarity, so that either sign draws to some.

        A key at a distance ranks tokens of its class alone: a negative coefficient only keeps attention from the far
        ones.
        """
        if self.key and self.pattern:
            return False
        return PATTERNS[self.pattern].continuous if self.pattern else TOKEN_FEATURES[self.key].continuous

    def matrix(self, view: TokenView) -> Array:
        """Its value on a text, shape (n, n)."""
        value: Array = np.ones((1, 1), dtype=np.float32)
        if self.query:
            value = value * view.vector(self.query)[:, None]
        if self.key:
            value = value * view.vector(self.key)[None, :]
        if self.pattern:
            value = value * view.matrix(self.pattern, self.parameter)
        return np.broadcast_to(value, (view.n, view.n))


def candidate_features(causal: bool, special: bool = True) -> list[Feature]:
    """Every feature that the search considers, in a fixed order.

    ``uniform`` is left out: softmax does not see a constant. Terms that look ahead are for encoders only.

    Args:
        causal: Whether the model is causal.
        special: Whether its texts hold special tokens; without any their class is nothing to choose.
    """
    features = []
    classes = [name for name in TOKEN_FEATURES if special or name != SPECIAL]
    for term in PATTERNS.values():
        if term.name != "uniform" and not (causal and term.looks_ahead):
            features += [Feature(term.name, parameter) for parameter in term.parameters or (None,)]
    features += [Feature(key=name) for name in classes]
    features += [Feature(place, scale, key=name) for name in PLACED_FEATURES for place, scale in PLACES]
    for query in classes:
        features += [Feature(pattern, query=query) for pattern in GATED_PATTERNS]
        features += [Feature(key=key, query=query) for key in GATED_FEATURES]
    return features
