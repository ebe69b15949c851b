"""Choosing each head's terms, all heads side by side: added by promise, exchanged while that helps, pruned.

Terms are added one at a time, the most promising first, by the divergence, whose curvature is known; then the constants
are fitted to IoU itself, the least influential terms are exchanged for those that IoU asks for, and what is left is
pruned term by term, so that every size has a program.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from attention_programs.config import SynthesisSettings
from attention_programs.progress import progress
from attention_programs.standing import keep, kept
from attention_programs.synthesis.design import Design
from attention_programs.synthesis.fitting import fit_divergence, fit_iou
from attention_programs.synthesis.promise import influence, promise

QUICK_STEPS = 8
"""Steps on IoU after each exchange and each pruning."""
TRIES = 2
"""Newton steps after each new term."""


@dataclass(frozen=True)
class Sparse:
    """One program a head, all with equally many terms."""

    chosen: torch.Tensor
    """Numbers of features, shape (heads, terms)."""
    constants: torch.Tensor
    """Shape (heads, terms), double precision."""

    @property
    def terms(self) -> int:
        """Terms of each program."""
        return self.chosen.shape[1]

    def with_terms(self, added: torch.Tensor) -> "Sparse":
        """More terms, shape (heads, new), with constants of 0."""
        zeros = torch.zeros(added.shape, dtype=self.constants.dtype, device=added.device)
        return Sparse(torch.cat([self.chosen, added], 1), torch.cat([self.constants, zeros], 1))

    def keep(self, value: torch.Tensor, terms: int) -> "Sparse":
        """The terms of highest value, in their order."""
        places = value.topk(terms, dim=1).indices.sort(dim=1).values
        return Sparse(self.chosen.gather(1, places), self.constants.gather(1, places))

    def where(self, condition: torch.Tensor, other: "Sparse") -> "Sparse":
        """This where the condition holds for a head, the other elsewhere."""
        return Sparse(
            torch.where(condition[:, None], self.chosen, other.chosen),
            torch.where(condition[:, None], self.constants, other.constants),
        )

    def rounded(self) -> "Sparse":
        """The same with constants of one decimal."""
        return Sparse(self.chosen, (self.constants * 10).round() / 10 + 0.0)

    def of_heads(self, heads: torch.Tensor) -> "Sparse":
        """The programs of some heads."""
        return Sparse(self.chosen[heads], self.constants[heads])


@dataclass(frozen=True)
class _Fitted:
    """Programs with their mean IoU on the sample, shape (heads,)."""

    programs: Sparse
    iou: torch.Tensor


class Choosing:
    """The choice of terms on a sample of training texts.

    Args:
        sample: The texts, with every feature that may be chosen.
        start: Numbers of the features that every program begins with.
        settings: Sizes and budgets.
        standing: File in which the longest part keeps where it stands; a run with the same fingerprint goes on there.
        fingerprint: Stands for everything that the choice depends on.
    """

    def __init__(
        self,
        sample: Design,
        start: list[int],
        settings: SynthesisSettings,
        standing: Path | None = None,
        fingerprint: str = "",
    ) -> None:
        self.sample = sample
        self._start = start
        self._settings = settings
        self._standing = standing
        self._fingerprint = fingerprint

    def on(self, sample: Design) -> "Choosing":
        """The same on other texts or maps, with the same features."""
        return Choosing(sample, self._start, self._settings)

    def grow(self, terms: int) -> Sparse:
        """Adds terms by the divergence, a few more than asked for, and keeps the most influential."""
        return self.shorter(self._polish(self._add(terms + self._settings.spare_terms)), terms)

    def improve(self, found: Sparse, purpose: str = "search") -> Sparse:
        """Exchanges terms as long as there are rounds; a head keeps the best program it had.

        Args:
            found: The programs.
            purpose: What the progress bar says it is for.
        """
        best, iou = found, self._iou(found)
        for _ in progress(range(self._settings.exchanges), f"{purpose}: exchanging {found.terms} terms", unit="rounds"):
            fitted = self._fitted(self._exchange(best))
            better = fitted.iou > iou
            best, iou = fitted.programs.where(better, best), torch.maximum(fitted.iou, iou)
        return best

    def shorter(self, found: Sparse, terms: int) -> Sparse:
        """Prunes to fewer terms and fits what is left."""
        return self._polish(self._prune(found, terms))

    @property
    def _budget(self) -> tuple[float, float]:
        return self._settings.polish_rate, self._settings.memory_mib

    def _add(self, terms: int) -> Sparse:
        settings, memory = self._settings, self._settings.memory_mib
        found = self._resumed()
        if found is None:
            chosen = torch.tensor([self._start], device=self.sample.lengths.device).repeat(self.sample.heads, 1)
            found = Sparse(chosen, torch.zeros(chosen.shape, dtype=torch.float64, device=chosen.device))
            constants = fit_divergence(self.sample, chosen, found.constants, settings.ridge, 2 * TRIES, memory)
            found = Sparse(chosen, constants)
        for _ in progress(range(found.terms, terms), "search: adding terms", unit="terms"):
            added = promise(self.sample, found.chosen, found.constants, "divergence").best(found.chosen, 1)
            found = found.with_terms(added)
            constants = fit_divergence(self.sample, found.chosen, found.constants, settings.ridge, TRIES, memory)
            found = Sparse(found.chosen, constants)
            self._keep(found)
        return found

    def _fitted(self, found: Sparse, steps: int = QUICK_STEPS) -> "_Fitted":
        fitted = fit_iou(self.sample, found.chosen, found.constants, steps, *self._budget)
        return _Fitted(Sparse(found.chosen, fitted.constants), fitted.iou)

    def _polish(self, found: Sparse) -> Sparse:
        return self._fitted(found).programs

    def _iou(self, found: Sparse) -> torch.Tensor:
        return self._fitted(found, steps=0).iou

    def _prune(self, found: Sparse, terms: int) -> Sparse:
        if found.terms <= terms:
            return found
        return found.keep(influence(self.sample, found.chosen, found.constants, self._settings.memory_mib), terms)

    def _exchange(self, found: Sparse) -> Sparse:
        """Adds the terms that IoU asks for and drops as many of the least influential."""
        promised = promise(self.sample, found.chosen, found.constants, "iou")
        added = promised.best(found.chosen, self._settings.spare_terms)
        return self._prune(self._polish(found.with_terms(added)), found.terms)

    def _keep(self, found: Sparse) -> None:
        if self._standing is not None:
            keep(self._standing, {"chosen": found.chosen, "constants": found.constants}, self._fingerprint)

    def _resumed(self) -> Sparse | None:
        """Where an earlier growth stood; a file that is damaged or of another fingerprint is not used."""
        tensors = kept(self._standing, self._fingerprint) if self._standing else {}
        device = self.sample.lengths.device
        if not {"chosen", "constants"} <= tensors.keys():
            return None
        return Sparse(tensors["chosen"].to(device), tensors["constants"].to(device))
