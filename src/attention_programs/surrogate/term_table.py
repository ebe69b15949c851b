"""The terms of several programs as arrays: which features they add up, and with which coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.programs.features import Feature


@dataclass(frozen=True)
class TermTable:
    """The terms of some programs; shorter programs are filled up with coefficients of 0."""

    features: tuple[Feature, ...]
    """The distinct features of all programs, by expression."""
    places: NDArray[np.int64]
    """Where each term's feature is among them, shape (programs, most terms)."""
    coefficients: NDArray[np.float32]
    """Each term's coefficient, shape (programs, most terms)."""
    filled: NDArray[np.bool_]
    """Whether a place is a program's own, shape (programs, most terms)."""

    @classmethod
    def of(cls, programs: Sequence[Sequence[WeightedTerm]]) -> "TermTable":
        """The table of some programs, in their order.

        >>> from attention_programs.programs.parser import read_terms
        >>> sources = ["text.softmax(2.0 * text.self_token)", "text.softmax(text.first_token - text.self_token)"]
        >>> table = TermTable.of([read_terms(f"def program(text): return {source}", "example") for source in sources])
        >>> [feature.expression for feature in table.features]
        ['text.first_token', 'text.self_token']
        >>> table.places.tolist(), table.coefficients.tolist()
        ([[1, 0], [0, 1]], [[2.0, 0.0], [1.0, -1.0]])
        """
        distinct = {term.feature for terms in programs for term in terms}
        features = tuple(sorted(distinct, key=lambda feature: feature.expression))
        number = {feature: place for place, feature in enumerate(features)}
        shape = len(programs), max(map(len, programs), default=0)
        places, coefficients, filled = np.zeros(shape, np.int64), np.zeros(shape, np.float32), np.zeros(shape, bool)
        for row, terms in enumerate(programs):
            places[row, : len(terms)] = [number[term.feature] for term in terms]
            coefficients[row, : len(terms)] = [term.coefficient for term in terms]
            filled[row, : len(terms)] = True
        return cls(features, places, coefficients, filled)
