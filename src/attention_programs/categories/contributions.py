"""How much each category of terms contributes to a program's pattern: what is lost when its terms are removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.metrics import iou
from attention_programs.categories.kinds import MIXED, SINK, TERM_CATEGORIES, category_of
from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.programs.methods import UNIFORM
from attention_programs.programs.parser import summed_terms
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.view import TokenView

HALF = 0.5
"""A program has a category if this share of its contributions is that category's."""
LITTLE = 0.1
"""Share of all categories but the sink below which a program does nothing else worth naming."""
ALMOST_UNIFORM = 0.75
"""IoU with the uniform pattern above which a program is called uniform, whatever its terms."""


@dataclass(frozen=True)
class Contributions:
    """What each category of terms contributes to a program's pattern."""

    shares: Mapping[str, float]
    """By category of terms; they sum to 1, or are all 0 if no term changes the pattern."""
    uniformity: float
    """IoU of the program's pattern with the uniform one, 0..1."""

    @property
    def category(self) -> str:
        """The program's category.

        >>> Contributions({"sink": 0.7, "position": 0.3}, 0.2).category
        'sink'
        >>> Contributions({"sink": 0.4, "position": 0.3, "tokens": 0.3}, 0.2).category
        'mixed'
        """
        if self.uniformity >= ALMOST_UNIFORM:
            return UNIFORM
        return _leading(self.shares)

    @property
    def besides_sink(self) -> str:
        """What the program does apart from the attention sink, whose weight hides it in most heads.

        >>> Contributions({"sink": 0.7, "position": 0.2, "tokens": 0.1}, 0.2).besides_sink
        'position'
        >>> Contributions({"sink": 0.95, "position": 0.05, "tokens": 0.0}, 0.2).besides_sink
        'sink'
        """
        rest = {category: share for category, share in self.shares.items() if category != SINK}
        total = sum(rest.values())
        if total < LITTLE:
            return self.category
        return _leading({category: share / total for category, share in rest.items()})


def _leading(shares: Mapping[str, float]) -> str:
    leading = max(shares, key=shares.__getitem__)
    return leading if shares[leading] >= HALF else MIXED


def contributions(program: ProgramRecord, views: Sequence[TokenView]) -> Contributions:
    """Removes the terms of one category at a time; what is lost is 1 - IoU of the pattern with and without them.

    A program that is not a softmax of a sum of terms has no shares, so that its category is mixed.

    Args:
        program: The program.
        views: Texts over which losses are averaged.
    """
    terms = summed_terms(program)
    if not terms:
        return Contributions(dict.fromkeys(TERM_CATEGORIES, 0.0), 0.0)
    own = np.array([category_of(term.feature) for term in terms])
    lost = dict.fromkeys(TERM_CATEGORIES, 0.0)
    uniformity = 0.0
    for view in views:
        scores = _scores(terms, view)
        whole = view.softmax(scores.sum(axis=0))
        uniformity += iou(whole, view.softmax(np.zeros_like(whole))) / len(views)
        for category in set(own.tolist()):
            lost[category] += 1 - iou(whole, view.softmax(scores[own != category].sum(axis=0)))
    total = sum(lost.values())
    return Contributions({category: each / total if total else 0.0 for category, each in lost.items()}, uniformity)


def _scores(terms: Sequence[WeightedTerm], view: TokenView) -> NDArray[np.float32]:
    """What each term adds to the scores, shape (terms, n, n)."""
    return np.stack([np.float32(term.coefficient) * term.feature.matrix(view) for term in terms])
