"""Selects terms for all heads together: forward selection by gain estimate, swaps while they help, pruning.

Terms are added one at a time by their estimated gain in divergence, whose Hessian is known. Then the coefficients are
fitted by IoU itself, the least influential terms are swapped for those with the largest gain in IoU, and the program is
pruned term by term, so that there is one of every size.
"""

from dataclasses import dataclass, field, replace
from functools import partial

import torch

from attention_programs.checkpoint import Journal
from attention_programs.config import SynthesisSettings
from attention_programs.progress import progress
from attention_programs.sparse_search.design import Design
from attention_programs.sparse_search.fitting import fit_divergence, fit_iou, mean_iou
from attention_programs.sparse_search.gain_estimate import estimate_gain, influence
from attention_programs.sparse_search.sparse_programs import SparsePrograms, search_journal

QUICK_STEPS = 8
"""Steps of IoU fine-tuning after each swap and each pruning."""
TRIES = 2
"""Newton steps after each new term."""


@dataclass(frozen=True)
class TermSelector:
    """Selects terms on a sample of training texts."""

    sample: Design
    """The texts, with every candidate feature."""
    start: list[int]
    """Indices of the features that every program starts with."""
    settings: SynthesisSettings
    journal: Journal[SparsePrograms] = field(default_factory=search_journal)
    """Steps that an earlier run of the same search finished."""

    def on(self, sample: Design, part: str) -> "TermSelector":
        """A selector for other texts or patterns with the same features, as a named part of the search."""
        return replace(self, sample=sample, journal=self.journal.within(part))

    def forward_select(self, terms: int) -> SparsePrograms:
        """Adds terms by divergence, a few more than ``terms``, and keeps the most influential."""
        grown = self._add(terms + self.settings.spare_terms)
        return self.journal.step(f"grown to {terms}", lambda: self._prune(self._fine_tune(grown), terms))

    def improve(self, found: SparsePrograms, purpose: str = "search") -> SparsePrograms:
        """Swaps terms for ``swap_rounds`` rounds; each head keeps its best program.

        Args:
            found: The programs.
            purpose: The label of the progress bar.
        """
        best, iou = found, mean_iou(self.sample, found)
        rounds = range(self.settings.swap_rounds)
        for number in progress(rounds, f"{purpose}: swapping {found.terms} terms", unit="rounds"):
            swapped = self.journal.step(f"swapped {found.terms}, {number}", partial(self._swap, best))
            other = mean_iou(self.sample, swapped)
            best, iou = swapped.where(other > iou, best), torch.maximum(other, iou)
        return best

    def shorter(self, found: SparsePrograms, terms: int) -> SparsePrograms:
        """Prunes to fewer terms and fits the rest."""
        return self.journal.step(f"pruned to {terms}", lambda: self._prune(found, terms))

    def _add(self, terms: int) -> SparsePrograms:
        first = torch.tensor([self.start], device=self.sample.lengths.device).repeat(self.sample.heads, 1)
        nothing = SparsePrograms(first, torch.zeros(first.shape, dtype=torch.float64, device=first.device))
        found = self.journal.step("start", lambda: self._fit(nothing, 2 * TRIES))
        for number in progress(range(found.terms, terms), "search: adding terms", unit="terms"):
            found = self.journal.step(f"term {number}", partial(self._with_best, found))
        return found

    def _with_best(self, found: SparsePrograms) -> SparsePrograms:
        estimated = estimate_gain(self.sample, found, "divergence")
        return self._fit(found.with_terms(estimated.best(found.chosen, 1)), TRIES)

    def _fit(self, found: SparsePrograms, tries: int) -> SparsePrograms:
        return fit_divergence(self.sample, found, self.settings.ridge, tries)

    def _fine_tune(self, found: SparsePrograms) -> SparsePrograms:
        return fit_iou(self.sample, found, QUICK_STEPS, self.settings.fine_tune_rate)

    def _prune(self, found: SparsePrograms, terms: int) -> SparsePrograms:
        kept = found.keep(influence(self.sample, found), terms) if found.terms > terms else found
        return self._fine_tune(kept)

    def _swap(self, found: SparsePrograms) -> SparsePrograms:
        estimated = estimate_gain(self.sample, found, "iou")
        added = estimated.best(found.chosen, self.settings.spare_terms)
        return self._prune(self._fine_tune(found.with_terms(added)), found.terms)
