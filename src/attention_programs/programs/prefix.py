"""The prefix rule: row i of a program's pattern may only depend on tokens 0..i."""

from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np

from attention_programs.programs.run_result import Outcome, Scored
from attention_programs.programs.runtime import Program, run
from attention_programs.programs.view import TokenView

Item = TypeVar("Item")
PrefixVerdict = Literal["prefix_only", "looks_ahead"]
TOLERANCE = 1e-6
"""Sums over rows of different lengths differ in the last bits."""
EVERY_CUT = 16
"""Up to this length every prefix is tried: looking one token ahead changes only the last row."""
WORD_CUTS = 3
"""Number of cuts inside later words of several tokens."""


class PrefixTest:
    """Compares a program's rows on whole texts with its rows on their prefixes.

    A program that fails on a prefix but not on the whole text looks ahead, too. A text on which the program fails as
    a whole is ignored.

    Args:
        views: Whole texts.

    Attributes:
        texts: Everything that a program must be run on: each whole text, followed by its prefixes.
    """

    def __init__(self, views: Sequence[TokenView]) -> None:
        self.texts: list[TokenView] = []
        self._whole: list[int] = []
        for view in views:
            self._whole.append(len(self.texts))
            self.texts += [view, *(view.prefix(cut) for cut in _cuts(view))]

    def whole(self, items: Sequence[Item]) -> list[Item]:
        """The items of the whole texts, given one item per text in ``texts``."""
        return [items[position] for position in self._whole]

    def verdict(self, outcomes: Sequence[Outcome]) -> PrefixVerdict:
        """The verdict on a program, given its outcomes on all of ``texts``."""
        for start, end in zip(self._whole, [*self._whole[1:], len(self.texts)], strict=True):
            whole = outcomes[start]
            if not isinstance(whole, Scored):
                continue
            for position in range(start + 1, end):
                cut, part = self.texts[position].n, outcomes[position]
                if not isinstance(part, Scored) or np.abs(part.weights - whole.weights[:cut, :cut]).max() > TOLERANCE:
                    return "looks_ahead"
        return "prefix_only"


def prefix_verdict(program: Program, views: Sequence[TokenView]) -> PrefixVerdict:
    """Tests a trusted program, text by text, until it looks ahead on one."""
    for view in views:
        test = PrefixTest([view])
        if test.verdict([run(program, text) for text in test.texts]) == "looks_ahead":
            return "looks_ahead"
    return "prefix_only"


def _cuts(view: TokenView) -> list[int]:
    """Lengths of the prefixes to try.

    >>> _cuts(TokenView(range(90), [" a"] * 90))
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 30, 45, 89]
    >>> _cuts(TokenView(range(60), [" a"] * 50 + [" un", "believ", "able"] + [" a"] * 7))[16:]
    [20, 30, 51, 52, 59]
    """
    tokens = view.n
    inside = [cut for cut in range(EVERY_CUT + 1, tokens) if view.word_starts[cut] != cut][:WORD_CUTS]
    cuts = {*range(1, EVERY_CUT + 1), *inside, tokens // 3, tokens // 2, tokens - 1}
    return sorted(cut for cut in cuts if 0 < cut < tokens)
