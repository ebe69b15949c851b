"""Draws wrong programs for heads: by chance, but never one that behaves as the head's own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from attention_programs.evidence.conditions import (
    EQUAL_IOU,
    OTHER_CATEGORY,
    OVER_MODEL,
    RANDOM_PROGRAM,
    SAME_CATEGORY,
    WITHIN_LAYER,
)
from attention_programs.evidence.library import Flags, Library
from attention_programs.scoring.assignments import Assignment

MATCHED = 0.02
"""Largest difference in validation IoU of a program of equal IoU."""


@dataclass(frozen=True)
class Drawn:
    """One draw of wrong programs."""

    programs: NDArray[np.int64]
    """The number of each head's program, shape (heads,)."""
    excepted: Flags
    """Heads for which nothing met the condition, shape (heads,): in a permutation they keep a program that behaves as
    their own; else they get the one that fits them most like their own of those that behave otherwise."""

    def assignment(self, library: Library) -> Assignment:
        """The program of each head."""
        return {
            head: library.programs[number] for head, number in zip(library.heads, self.programs.tolist(), strict=True)
        }


def draw(condition: str, library: Library, generator: np.random.Generator) -> Drawn:
    """Draws a program for every head.

    Args:
        condition: One of ``conditions.DRAWN``.
        library: The programs and heads.
        generator: Draws them.

    Raises:
        ValueError: if the condition is not drawn.
    """
    if condition in (WITHIN_LAYER, OVER_MODEL):
        return _permuted(condition, library, generator)
    if condition not in (EQUAL_IOU, SAME_CATEGORY, OTHER_CATEGORY, RANDOM_PROGRAM):
        raise ValueError(f"condition {condition!r} is not drawn at random")
    otherwise = library.behaves_otherwise()
    choices = otherwise & _allowed(condition, library)
    excepted: Flags = np.logical_not(choices.any(axis=1))
    lots = np.where(choices, generator.random(choices.shape), -1)
    return Drawn(np.where(excepted, library.closest(otherwise), lots.argmax(axis=1)), excepted)


def _allowed(condition: str, library: Library) -> Flags:
    """For each head the programs that a condition admits, whatever their behaviour, shape (heads, programs)."""
    categories = np.array(library.categories)
    same = categories[library.own][:, None] == categories[None, :]
    admitted: dict[str, Flags] = {
        SAME_CATEGORY: same,
        OTHER_CATEGORY: ~same,
        EQUAL_IOU: library.off_by() <= MATCHED,
        RANDOM_PROGRAM: np.ones_like(same),
    }
    return admitted[condition]


def _permuted(condition: str, library: Library, generator: np.random.Generator) -> Drawn:
    """Permutes the heads' programs, all of them or layer by layer, with as few as possible that behave as their own.

    A random cost for every pair makes the permutation random; pairs that behave alike cost more than all others.
    """
    layers = np.array([head.layer if condition == WITHIN_LAYER else 0 for head in library.heads])
    alike = ~library.behaves_otherwise()[:, library.own]
    programs, excepted = np.zeros_like(library.own), np.zeros(len(layers), bool)
    for layer in np.unique(layers):
        members = np.flatnonzero(layers == layer)
        among = alike[np.ix_(members, members)]
        costs = generator.random(among.shape) + among * (1.0 + len(members))
        rows, columns = linear_sum_assignment(costs)
        programs[members[rows]] = library.own[members[columns]]
        excepted[members[rows]] = among[rows, columns]
    return Drawn(programs, excepted)
