"""Choosing each head's terms, all heads side by side: added by promise, exchanged while that helps, pruned.

Terms are added one at a time, the most promising first, by the divergence, whose curvature is known; then the constants
are fitted to IoU itself, the least influential terms are exchanged for those that IoU asks for, and what is left is
pruned term by term, so that every size has a program.
"""

from functools import partial

import torch

from attention_programs.checkpoint import Journal
from attention_programs.config import SynthesisSettings
from attention_programs.progress import progress
from attention_programs.sparse_search.design import Design
from attention_programs.sparse_search.fitting import fit_divergence, fit_iou, mean_iou
from attention_programs.sparse_search.promise import influence, promise
from attention_programs.sparse_search.sparse import Sparse, search_journal

QUICK_STEPS = 8
"""Steps on IoU after each exchange and each pruning."""
TRIES = 2
"""Newton steps after each new term."""


class Choosing:
    """The choice of terms on a sample of training texts.

    Args:
        sample: The texts, with every feature that may be chosen.
        start: Numbers of the features that every program begins with.
        settings: Sizes and budgets.
        journal: Steps that an earlier run of the same search finished.
    """

    def __init__(
        self, sample: Design, start: list[int], settings: SynthesisSettings, journal: Journal[Sparse] | None = None
    ) -> None:
        self.sample = sample
        self.journal = journal or search_journal()
        self._start = start
        self._settings = settings

    def on(self, sample: Design, part: str) -> "Choosing":
        """The same on other texts or maps, with the same features, as a part of the search with a name of its own."""
        return Choosing(sample, self._start, self._settings, self.journal.within(part))

    def grow(self, terms: int) -> Sparse:
        """Adds terms by the divergence, a few more than asked for, and keeps the most influential."""
        grown = self._add(terms + self._settings.spare_terms)
        return self.journal.step(f"grown to {terms}", lambda: self._polish(self._prune(self._polish(grown), terms)))

    def improve(self, found: Sparse, purpose: str = "search") -> Sparse:
        """Exchanges terms as long as there are rounds; a head keeps the best program it had.

        Args:
            found: The programs.
            purpose: What the progress bar says it is for.
        """
        best, iou = found, mean_iou(self.sample, found)
        rounds = range(self._settings.exchanges)
        for number in progress(rounds, f"{purpose}: exchanging {found.terms} terms", unit="rounds"):
            exchanged = self.journal.step(f"exchanged {found.terms}, {number}", partial(self._exchange, best))
            other = mean_iou(self.sample, exchanged)
            best, iou = exchanged.where(other > iou, best), torch.maximum(other, iou)
        return best

    def shorter(self, found: Sparse, terms: int) -> Sparse:
        """Prunes to fewer terms and fits what is left."""
        return self.journal.step(f"pruned to {terms}", lambda: self._polish(self._prune(found, terms)))

    def _add(self, terms: int) -> Sparse:
        first = torch.tensor([self._start], device=self.sample.lengths.device).repeat(self.sample.heads, 1)
        nothing = Sparse(first, torch.zeros(first.shape, dtype=torch.float64, device=first.device))
        found = self.journal.step("start", lambda: self._fit(nothing, 2 * TRIES))
        for number in progress(range(found.terms, terms), "search: adding terms", unit="terms"):
            found = self.journal.step(f"term {number}", partial(self._with_best, found))
        return found

    def _with_best(self, found: Sparse) -> Sparse:
        promised = promise(self.sample, found, "divergence")
        return self._fit(found.with_terms(promised.best(found.chosen, 1)), TRIES)

    def _fit(self, found: Sparse, tries: int) -> Sparse:
        return fit_divergence(self.sample, found, self._settings.ridge, tries)

    def _polish(self, found: Sparse) -> Sparse:
        return fit_iou(self.sample, found, QUICK_STEPS, self._settings.polish_rate).programs

    def _prune(self, found: Sparse, terms: int) -> Sparse:
        if found.terms <= terms:
            return found
        return found.keep(influence(self.sample, found), terms)

    def _exchange(self, found: Sparse) -> Sparse:
        """Adds the terms that IoU asks for and drops as many of the least influential."""
        promised = promise(self.sample, found, "iou")
        added = promised.best(found.chosen, self._settings.spare_terms)
        return self._polish(self._prune(self._polish(found.with_terms(added)), found.terms))
