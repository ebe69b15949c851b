"""The features that the search may add to a program: vocabulary terms and their products."""

from dataclasses import dataclass

import numpy as np

from attention_programs.programs.tokens import Array
from attention_programs.programs.view import SPECIAL, TokenView
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES

GATED_PATTERNS = ("first_token", "self_token", "previous_token", "log_distance")
"""Patterns that the search may combine with a query class."""
GATED_FEATURES = ("secondary_sink", "newline", "punctuation", "content_word")
"""Key classes that the search may combine with a query class."""
PLACED_FEATURES = (
    "full_stop", "punctuation", "newline", "secondary_sink", "article", "content_word", "function_word", "digit",
    "first_occurrence", "the_after_place",
)  # fmt: skip
"""Key classes that the search may combine with a place."""
PLACES: tuple[tuple[str, int | None], ...] = (("log_distance", None), ("decay", 16), ("current_sentence", None))
"""Patterns, with their parameters, that say where such a key must be."""


@dataclass(frozen=True)
class Feature:
    """A product of up to one query class, one key class and one pattern; a program's term without its coefficient."""

    pattern: str = ""
    parameter: int | None = None
    query: str = ""
    key: str = ""

    @property
    def expression(self) -> str:
        """The feature as written in a program.

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
        """The feature's name in a sentence, without the query class.

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
        """The query class's name in a sentence; empty if the feature applies to all queries."""
        return TOKEN_FEATURES[self.query].phrase if self.query else ""

    @property
    def continuous(self) -> bool:
        """Whether it ranks all tokens by distance, position or rarity, so that either sign draws attention to some.

        A key class times a distance ranks only tokens of its class: a negative coefficient only keeps attention away
        from the far ones.
        """
        if self.key and self.pattern:
            return False
        return PATTERNS[self.pattern].continuous if self.pattern else TOKEN_FEATURES[self.key].continuous

    @property
    def recorded(self) -> bool:
        """Whether prompts may name it: they are recorded, and name the vocabulary of version 1."""
        classes = [TOKEN_FEATURES[name] for name in (self.query, self.key) if name]
        patterns = [PATTERNS[self.pattern]] if self.pattern else []
        values = [value for pattern in patterns for value in pattern.recorded_parameters]
        return all(term.recorded for term in classes + patterns) and (not values or self.parameter in values)

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

    ``uniform`` is left out, as softmax ignores constants. Terms that look ahead are for encoders only.

    Args:
        causal: Whether the model is causal.
        special: Whether its texts have special tokens; if not, their class is left out.
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
